"""Feature extraction, selection and generation: the cases of make_sklearn.py's kind for these families.

    python make_sklearn_features.py 1.9.1 tests/corpus/sklearn_features/1.9.1
"""
import sys

from make_sklearn import *
from sklearn.feature_extraction.text import (CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer)
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import MaxAbsScaler

WORDS = (u"the a film was loved hated great awful na\u00efve caf\u00e9 plot acting so-so 10/10 it's n't VERY Really boring "
         u"\u00c9t\u00e9 \u0130stanbul \u039f\u0394\u039f\u03a3 \u4e2d\u6587 \u1f40\u03b4\u03cc\u03c2 e\u0301te\u0301 \ufb01ne foo_bar x2 \u0939\u093f\u0928\u094d\u0926\u0940 "
         u"\u0645\u0631\u062d\u0628\u0627 \u2460 \u00bd stra\u00dfe STRASSE I i").split(" ")


def reviews(n=60, seed=5):
    rng = np.random.RandomState(seed)
    texts = []
    for i in range(n):
        words = [WORDS[j] for j in rng.randint(0, len(WORDS), rng.randint(3, 14))]
        joints = [" ", "  ", ", ", "\n", " \t ", u"\u00a0", "."]
        texts.append("".join(w + joints[rng.randint(0, len(joints))] for w in words).strip() + ["", "!", " :)", "..."][i % 4])
    return texts


TEXTS = reviews()
LIKED = np.array(["yes" if "loved" in t or "great" in t else "no" for t in TEXTS])
ASKED = reviews(8, seed=8) + ["", " ", "unknown words only", "LOVED the CAFE\u0301", u"\u03a3 \u0391\u03a3 \u0391\u03a3\u0391 \u0391.\u03a3 \u0130I", u"a\u0323\u0307b \uac01\uac02 \u212b"]


def words(model, y=None):
    return lambda: Case(model.fit(TEXTS, LIKED if y is None else y), ASKED)


def texts():
    add("text_count", words(CountVectorizer()))
    add("text_count_bigrams", words(CountVectorizer(ngram_range=(1, 2), min_df=2, max_df=0.8)))
    add("text_count_trigrams_stop", words(CountVectorizer(ngram_range=(2, 3), stop_words="english", max_features=50)))
    add("text_count_stop_list", words(CountVectorizer(stop_words=["film", "the", u"caf\u00e9"], binary=True)))
    add("text_count_char", words(CountVectorizer(analyzer="char", ngram_range=(1, 3), max_features=80)))
    add("text_count_char_wb", words(CountVectorizer(analyzer="char_wb", ngram_range=(2, 5), max_features=120)))
    add("text_count_ascii", words(CountVectorizer(strip_accents="ascii", lowercase=False)))
    add("text_count_unicode", words(CountVectorizer(strip_accents="unicode")))
    add("text_count_vocabulary", words(CountVectorizer(vocabulary={u"caf\u00e9": 1, "film": 0, u"\u4e2d\u6587": 2})))
    add("text_count_vocabulary_list", words(CountVectorizer(vocabulary=["film", "great", "so"])))
    for name, pattern in (("all", r"(?u)\b\w+\b"), ("letters", r"[a-zA-Z]+"), ("apostrophes", r"\b\w+'\w+\b|\w{3,}"), ("group", r"\b(\w)\w+\b"),
                          ("any", r"\S+"), ("ascii", r"(?a)\w\w+"), ("lazy", r"\w+?\w|\d+/\d+"), ("look", r"(?<!\w)[^\W\d_]+(?=\s)"),
                          ("case", r"(?i)[a-z]{2,}"), ("sets", u"[\\w\u00e0-\u00ff'-]+|[^\\w\\s]"), ("dash", r"\w+(?:-\w+)*"), ("ends", r"^\w+|\w+$")):
        add("text_pattern_" + name, words(CountVectorizer(token_pattern=pattern, lowercase=name != "letters")))
    add("text_tfidf", words(TfidfVectorizer()))
    add("text_tfidf_l1", words(TfidfVectorizer(norm="l1", smooth_idf=False, sublinear_tf=True)))
    add("text_tfidf_plain", words(TfidfVectorizer(norm=None, use_idf=False, ngram_range=(1, 2), max_features=90)))
    add("text_tfidf_f32", words(TfidfVectorizer(dtype=np.float32, sublinear_tf=True)))
    add("text_tfidf_char_wb", words(TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), max_features=150, binary=True)))
    add("text_hash", words(HashingVectorizer(n_features=64)))
    add("text_hash_plain", words(HashingVectorizer(n_features=50, norm=None, alternate_sign=False, binary=True, ngram_range=(1, 2))))
    add("text_hash_signed_binary", words(HashingVectorizer(n_features=16, norm="l1", binary=True)))
    add("text_counts_tfidf", words(make_pipeline(CountVectorizer(), TfidfTransformer(sublinear_tf=True))))
    add("text_tfidf_logreg", words(make_pipeline(TfidfVectorizer(), LogisticRegression())))
    add("text_tfidf_sgd", words(make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), SGDClassifier(random_state=0)), np.array(list("abc"))[np.arange(60) % 3]))
    add("text_hash_sgd", words(make_pipeline(HashingVectorizer(n_features=256), SGDClassifier(random_state=0))))
    add("text_union", words(make_pipeline(FeatureUnion([
        ("words", TfidfVectorizer(stop_words="english")), ("chars", make_pipeline(CountVectorizer(analyzer="char", ngram_range=(2, 2), max_features=40), MaxAbsScaler())),
    ], transformer_weights={"words": 2.5}), LogisticRegression())))
    add("text_tfidf_dense", lambda: Case(TfidfTransformer(norm="l1").fit(np.floor(IRIS[0])), np.floor(ask(IRIS[0], wild=False))))
    add("text_table", lambda: text_table(False))
    add("text_table_logreg", lambda: text_table(True))


def text_table(predict):
    n = len(TEXTS)
    table = pd.DataFrame({"title": TEXTS, "price": np.arange(n) * 1.5, "kind": [["s", "m", "l"][i % 3] for i in range(n)], "body": TEXTS[::-1]})
    prep = ColumnTransformer([("t", TfidfVectorizer(max_features=20), "title"), ("k", OneHotEncoder(handle_unknown="ignore"), ["kind"]),
                              ("p", StandardScaler(), ["price"]), ("b", CountVectorizer(analyzer="char", max_features=9), "body")],
                             transformer_weights={"t": 3.0})
    model = make_pipeline(prep, LogisticRegression()) if predict else prep
    asked = pd.DataFrame({"title": ASKED, "price": np.arange(len(ASKED)) * 2.0, "kind": ["s"] * len(ASKED), "body": ASKED})
    return Case(model.fit(table, LIKED), asked)


FAMILIES = (texts,)

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], families=FAMILIES)
