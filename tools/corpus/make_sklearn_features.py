"""Feature extraction, selection and generation: the cases of make_sklearn.py's kind for these families.

    python make_sklearn_features.py 1.9.1 tests/corpus/sklearn_features/1.9.1

It makes 150 to 270 cases a version; kept in the repository are most of 1.9.1 and 0.22.2, and of 1.2.2 those of
families that changed (each folder's cases.json tells which).
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
                          ("case", r"(?i)[a-z]{2,}"), ("sets", u"[\\w\u00e0-\u00ff'-]+|[^\\w\\s]"), ("dash", r"\w+(?:-\w+)*"), ("ends", r"^\w+|\w+$"), ("ahead", r"\w+?(?=\W|$)")):
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


def fit(model, data, rows=10, wild=False, extra=None, positive=False):
    X, y = data
    asked = ask(X, rows=rows, wild=wild)
    asked = np.abs(asked) if positive else asked
    return lambda: Case(model.fit(X, y), asked if extra is None else np.vstack([asked, extra]))


def ties(k=12):
    """Columns of which several are copies: scores with ties, and a constant one, whose score is NaN."""
    X, y = CANCER
    return np.column_stack([X[:, [0, 1]], X[:, [0, 1]], np.ones(len(X)), X[:, [3, 3, 4]]]), y


def selection():
    from sklearn.feature_selection import (RFE, RFECV, GenericUnivariateSelect, SelectFdr, SelectFpr, SelectFromModel, SelectFwe, SelectKBest,
                                           SelectPercentile, VarianceThreshold, chi2, f_classif, f_regression, mutual_info_classif)
    from sklearn.svm import SVC, LinearSVC
    from sklearn.ensemble import AdaBoostClassifier
    for k in (1, 3, 5, "all"):
        add("kbest_%s" % k, fit(SelectKBest(k=k), ties()))
    add("kbest_chi2", fit(SelectKBest(chi2, k=2), IRIS))
    for percent in (13, 38, 50, 75, 100):
        add("percentile_%d" % percent, fit(SelectPercentile(percentile=percent), ties()))
    noisy = np.column_stack([CANCER[0], np.random.RandomState(0).normal(size=(len(CANCER[0]), 6))]), CANCER[1]
    add("fpr", fit(SelectFpr(alpha=0.3), noisy))
    add("fdr", fit(SelectFdr(alpha=0.2), noisy))
    add("fwe", fit(SelectFwe(alpha=0.4), noisy))
    for mode, param in (("k_best", 3), ("percentile", 40), ("fpr", 0.2), ("fdr", 0.1), ("fwe", 0.3)):
        add("generic_" + mode, fit(GenericUnivariateSelect(f_classif, mode=mode, param=param), noisy))
    add("variance", lambda: Case(VarianceThreshold(0.3).fit(with_gaps(IRIS[0])), with_gaps(ask(IRIS[0], wild=False))))
    add("rfe_logreg", fit(RFE(LogisticRegression(max_iter=500), n_features_to_select=3), scaled(WINE)))
    add("rfe_forest", fit(RFE(RandomForestClassifier(n_estimators=4, max_depth=3, random_state=0), n_features_to_select=2, step=2), IRIS))
    add("rfecv_ridge", fit(RFECV(Ridge(), cv=3), DIABETES))
    add("rfe_step", fit(make_pipeline(RFE(LinearRegression(), n_features_to_select=2), DecisionTreeRegressor(max_depth=3)), DIABETES))
    for name, threshold in (("none", None), ("mean", "mean"), ("median", "median"), ("scaled", "1.25*mean"), ("half", "0.5 * median"), ("number", 0.1)):
        add("frommodel_forest_" + name, fit(SelectFromModel(RandomForestClassifier(n_estimators=5, max_depth=4, random_state=1), threshold=threshold), WINE))
        add("frommodel_logreg_" + name, fit(SelectFromModel(LogisticRegression(max_iter=500), threshold=threshold), scaled(IRIS)))
    add("frommodel_lasso", fit(SelectFromModel(Lasso(alpha=0.5)), DIABETES))
    add("frommodel_l1", fit(SelectFromModel(LinearSVC(C=0.05, penalty="l1", dual=False, random_state=0)), scaled(WINE)))
    add("frommodel_max", fit(SelectFromModel(ExtraTreesClassifier(n_estimators=4, random_state=0), max_features=2, threshold=-np.inf), WINE))
    add("frommodel_prefit", lambda: Case(SelectFromModel(Ridge().fit(*DIABETES), prefit=True), ask(DIABETES[0], wild=False)))
    add("frommodel_boosting", fit(SelectFromModel(GradientBoostingClassifier(n_estimators=4, random_state=0)), WINE))
    add("frommodel_ada", fit(SelectFromModel(AdaBoostClassifier(n_estimators=4, random_state=0)), WINE))
    add("frommodel_tree", fit(SelectFromModel(DecisionTreeRegressor(max_depth=5, random_state=0)), DIABETES))
    add("frommodel_svc", fit(SelectFromModel(SVC(kernel="linear")), scaled(WINE)))
    add("frommodel_norm2", fit(SelectFromModel(LogisticRegression(max_iter=500), norm_order=2), scaled(WINE)))
    add("frommodel_norm_inf", fit(SelectFromModel(LogisticRegression(max_iter=500), norm_order=np.inf), scaled(WINE)))
    add("frommodel_getter", fit(SelectFromModel(Pipeline([("s", StandardScaler()), ("m", Ridge())]), importance_getter="named_steps.m.coef_"), DIABETES)
        if VERSION >= (0, 24) else None, since=(0, 24))
    add("frommodel_pipeline", fit(make_pipeline(StandardScaler(), SelectFromModel(LogisticRegression()), LogisticRegression()), CANCER))
    if VERSION >= (0, 24):
        from sklearn.feature_selection import SequentialFeatureSelector
        add("sequential", fit(SequentialFeatureSelector(Ridge(), n_features_to_select=3, cv=3), DIABETES))
        add("sequential_backward", fit(SequentialFeatureSelector(LogisticRegression(), n_features_to_select=2, direction="backward", cv=3), scaled(IRIS)))
    add("kbest_text", words(make_pipeline(TfidfVectorizer(), SelectKBest(chi2, k=12), LogisticRegression())))
    add("kbest_table", lambda: Case(make_pipeline(ColumnTransformer([("n", StandardScaler(), ["siblings"]), ("o", OneHotEncoder(handle_unknown="ignore"), ["sex", "title"])]),
                                                  SelectKBest(k=4), LogisticRegression()).fit(TABLE, SURVIVED), ask_table(["siblings", "sex", "title"])), since=(1, 0))


def edges(model, X):
    """Rows on the bins' edges, and a little to either side of them."""
    out = []
    for c, of_column in enumerate(model.bin_edges_):
        for edge in of_column:
            for value in (edge, np.nextafter(edge, -np.inf), np.nextafter(edge, np.inf), edge - 1e-6, edge * (1 - 0.9e-5)):
                row = X[0].copy()
                row[c] = value
                out.append(row)
    return np.array(out)


def preprocessing():
    from sklearn.preprocessing import (Binarizer, KBinsDiscretizer, KernelCenterer, Normalizer, PolynomialFeatures, PowerTransformer,
                                       QuantileTransformer)
    more = {"quantile_method": "linear"} if VERSION >= (1, 7) else {}
    for encode in ("onehot", "onehot-dense", "ordinal"):
        for strategy in ("uniform", "quantile", "kmeans"):
            def build(encode=encode, strategy=strategy):
                X = IRIS[0]
                model = KBinsDiscretizer(n_bins=[3, 5, 2, 4], encode=encode, strategy=strategy, **(more if strategy == "quantile" else {})).fit(X)
                return Case(model, np.vstack([ask(X), edges(model, X)]) if encode == "ordinal" else ask(X))
            add("kbins_%s_%s" % (encode, strategy), build)
    add("kbins_f32", fit(KBinsDiscretizer(4, encode="ordinal", strategy="uniform", dtype=np.float32), IRIS) if VERSION >= (0, 24) else None, since=(1, 1))
    add("kbins_quantile_ties", fit(KBinsDiscretizer(6, encode="ordinal", strategy="quantile", **more), (np.floor(IRIS[0]), IRIS[1])))
    add("binarizer", fit(Binarizer(threshold=3.0), IRIS, wild=True))
    for norm in ("l1", "l2", "max"):
        add("normalizer_" + norm, fit(Normalizer(norm), IRIS, wild=True, extra=[[1e-16, 0, 0, 0], [-3, 1, 2, 0.5]]))
        add("normalizer_text_" + norm, words(make_pipeline(CountVectorizer(), Normalizer(norm))))
    add("maxabs", fit(MaxAbsScaler(), IRIS, wild=True))
    add("centerer", lambda: Case(KernelCenterer().fit(IRIS[0][:30].dot(IRIS[0][:30].T)), IRIS[0][60:66].dot(IRIS[0][:30].T)))
    for degree, interaction, bias in ((2, False, True), (3, True, False), (4, False, False), (1, False, True), (3, True, True)):
        add("poly_%d%s%s" % (degree, "_interaction" if interaction else "", "" if bias else "_plain"),
            fit(PolynomialFeatures(degree, interaction_only=interaction, include_bias=bias), IRIS, wild=True))
    if VERSION >= (1, 0):
        add("poly_range", fit(PolynomialFeatures((2, 3), include_bias=False), IRIS))
        add("poly_range_bias", fit(PolynomialFeatures((0, 2), order="F"), IRIS))
    add("poly_ridge", fit(make_pipeline(PolynomialFeatures(2), StandardScaler(), Ridge()), DIABETES))
    gaps = with_gaps(WINE[0])
    for method in ("yeo-johnson", "box-cox"):
        for standardize in (True, False):
            add("power_%s%s" % (method, "" if standardize else "_plain"), lambda method=method, standardize=standardize: Case(
                PowerTransformer(method, standardize=standardize).fit(gaps), np.abs(with_gaps(ask(WINE[0], wild=False))) + 1e-3))
    add("power_signs", fit(PowerTransformer(), scaled(WINE), extra=[[1e-9, -1e-9, 0, 5, -5, 1e-5, -1e-5]]))
    add("power_constant", fit(PowerTransformer(), (np.column_stack([np.ones(150), IRIS[0]]), IRIS[1])), since=(1, 0))
    for distribution in ("uniform", "normal"):
        add("quantile_" + distribution, lambda distribution=distribution: Case(
            QuantileTransformer(n_quantiles=40, output_distribution=distribution, random_state=0).fit(with_gaps(IRIS[0])),
            np.vstack([with_gaps(ask(IRIS[0])), IRIS[0].min(axis=0), IRIS[0].max(axis=0), IRIS[0].min(axis=0) + 5e-8])))
        add("quantile_full_" + distribution, fit(QuantileTransformer(n_quantiles=150, output_distribution=distribution), IRIS))
    add("quantile_two", fit(QuantileTransformer(n_quantiles=1), (IRIS[0][:3], IRIS[1][:3])))
    if VERSION >= (1, 0):
        splines()
    if VERSION >= (1, 3):
        target_encoders()


def splines():
    from sklearn.preprocessing import SplineTransformer
    X = IRIS[0]
    for extrapolation in ("constant", "linear", "continue", "periodic", "error"):
        for degree in (0, 1, 2, 3, 5):
            if degree == 0 and extrapolation == "constant":
                continue
            inside = np.clip(ask(X, wild=False), X.min(axis=0), X.max(axis=0))
            asked = inside if extrapolation == "error" else ask(X, wild=True)[:12]
            add("spline_%s_%d" % (extrapolation, degree), lambda extrapolation=extrapolation, degree=degree, asked=asked: Case(
                SplineTransformer(degree=degree, n_knots=7, extrapolation=extrapolation, include_bias=degree != 2).fit(X), asked))
    add("spline_quantile", fit(SplineTransformer(knots="quantile", n_knots=4, order="F"), (X, None)))
    add("spline_knots", fit(SplineTransformer(knots=np.array([[4, 2, 1, 0], [5, 2.5, 3, 1], [8, 5, 7, 3.0]])), (X, None)))
    if VERSION >= (1, 3):
        add("spline_sparse", fit(SplineTransformer(sparse_output=True, extrapolation="linear"), (X, None), wild=True))
        add("spline_sparse_periodic", fit(SplineTransformer(sparse_output=True, extrapolation="periodic"), (X, None), wild=True))
    add("spline_ridge", fit(make_pipeline(SplineTransformer(), Ridge()), DIABETES))
    if VERSION >= (1, 8):
        add("spline_missing", lambda: Case(SplineTransformer(handle_missing="zeros").fit(with_gaps(X)), with_gaps(ask(X, wild=False))))


def target_encoders():
    from sklearn.preprocessing import TargetEncoder
    table = TABLE[["sex", "title", "pclass", "port"]]
    asked = ask_table(["sex", "title", "pclass", "port"])
    add("target_binary", lambda: Case(TargetEncoder().fit(table, np.array(["a", "b"])[SURVIVED]), asked))
    add("target_continuous", lambda: Case(TargetEncoder(smooth=2.5).fit(table, TABLE["siblings"] * 1.5 + SURVIVED), asked))
    if VERSION >= (1, 4):
        add("target_multiclass", lambda: Case(TargetEncoder().fit(table, np.array(list("xyz"))[TABLE["pclass"] - 1]), asked))
    add("target_pipeline", lambda: Case(make_pipeline(TargetEncoder(random_state=0), LogisticRegression()).fit(table, SURVIVED), asked))


def approximations():
    from sklearn.kernel_approximation import AdditiveChi2Sampler, Nystroem, RBFSampler, SkewedChi2Sampler
    from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection
    small = (scaled(WINE)[0][:60], WINE[1][:60])
    add("rbf_sampler", fit(RBFSampler(gamma=0.3, n_components=15, random_state=0), small))
    add("skewed_chi2", fit(SkewedChi2Sampler(skewedness=0.5, n_components=9, random_state=0), IRIS, positive=True))
    for steps in (1, 2, 3):
        add("additive_chi2_%d" % steps, fit(AdditiveChi2Sampler(sample_steps=steps), IRIS, positive=True, extra=[[0, 1, 0, 2.5]]))
    add("additive_chi2_interval", fit(AdditiveChi2Sampler(sample_steps=4, sample_interval=0.3), IRIS, positive=True))
    for kernel in ("rbf", "linear", "poly", "sigmoid", "cosine", "laplacian", "chi2", "additive_chi2"):
        data = (IRIS[0][40:80], None) if "chi2" in kernel else small
        add("nystroem_" + kernel, fit(Nystroem(kernel, n_components=4, random_state=0), data, positive="chi2" in kernel))
    add("nystroem_params", fit(Nystroem("poly", gamma=0.2, degree=2, coef0=0.5, n_components=6, random_state=1), small))
    add("nystroem_kernel_params", fit(Nystroem("rbf", kernel_params={"gamma": 0.05}, n_components=6, random_state=1), small))
    add("nystroem_model", fit(make_pipeline(Nystroem(n_components=10, random_state=0), LogisticRegression()), small))
    add("gaussian_projection", fit(GaussianRandomProjection(3, random_state=0), WINE, wild=True))
    add("sparse_projection", fit(SparseRandomProjection(3, random_state=0), WINE, wild=True))
    add("sparse_projection_dense", fit(SparseRandomProjection(4, dense_output=True, density=0.5, random_state=0), WINE))
    add("projection_text", words(make_pipeline(TfidfVectorizer(), GaussianRandomProjection(5, random_state=0))))
    if VERSION >= (0, 24):
        from sklearn.kernel_approximation import PolynomialCountSketch
        add("count_sketch", fit(PolynomialCountSketch(degree=3, n_components=20, coef0=1, gamma=0.5, random_state=0), small))
        add("count_sketch_plain", fit(PolynomialCountSketch(degree=1, n_components=12, random_state=0), small))
    add("union_numbers", fit(make_pipeline(FeatureUnion([("s", StandardScaler()), ("m", MaxAbsScaler()), ("off", "drop")],
                                                        transformer_weights={"m": 0.5}), Ridge()), DIABETES))
    if VERSION >= (1, 1):
        add("union_passthrough", fit(FeatureUnion([("s", StandardScaler()), ("p", "passthrough")]), IRIS))


def iterative():
    from sklearn.experimental import enable_iterative_imputer  # noqa
    from sklearn.impute import IterativeImputer
    wine = (WINE[0][::3, :5], WINE[1][::3])
    gaps = with_gaps(wine[0])
    asked = with_gaps(ask(wine[0], wild=False), seed=9, share=0.3)

    def case_of(X=gaps, asked=asked, **params):
        params.setdefault("max_iter", 2)
        return lambda: Case(IterativeImputer(random_state=0, **params).fit(X), asked)
    add("iterative", case_of())
    add("iterative_indicator", case_of(add_indicator=True, initial_strategy="median"))
    add("iterative_limits", case_of(min_value=0.5, max_value=100))
    add("iterative_nearest", case_of(n_nearest_features=2, imputation_order="random"))
    add("iterative_tree", case_of(estimator=DecisionTreeRegressor(max_depth=3, random_state=0), imputation_order="descending"))
    add("iterative_forest", case_of(estimator=ExtraTreesRegressor(n_estimators=3, max_depth=3, random_state=0), max_iter=1))
    add("iterative_pipe", case_of(estimator=make_pipeline(StandardScaler(), Ridge()), skip_complete=True, initial_strategy="most_frequent"))
    add("iterative_complete", case_of(X=wine[0]))
    marked = np.where(np.isnan(gaps), -1, gaps)
    add("iterative_marked", case_of(X=marked, asked=np.where(np.isnan(asked), -1, asked), missing_values=-1))
    empty = gaps.copy()
    empty[:, 2] = np.nan
    add("iterative_empty", case_of(X=empty))
    if VERSION >= (1, 2):
        add("iterative_keep_empty", case_of(X=empty, keep_empty_features=True))
    add("iterative_model", lambda: Case(make_pipeline(IterativeImputer(max_iter=2, random_state=0), LogisticRegression(max_iter=300)).fit(gaps, wine[1]), asked))


def documents():
    from sklearn.feature_extraction import DictVectorizer, FeatureHasher
    from sklearn.preprocessing import LabelBinarizer, LabelEncoder, MultiLabelBinarizer
    rng = np.random.RandomState(3)

    def record(i):
        out = {"age": int(rng.randint(1, 90)), "city": ["Rome", u"K\u00f6ln", "Oslo"][i % 3], "fare": round(rng.rand() * 9, 3)}
        if i % 4 == 0:
            out["member"] = True
        if i % 5 == 0:
            del out["age"]
        return out
    records, y = [record(i) for i in range(40)], np.arange(40) % 2
    asked = [record(i) for i in range(6)] + [{}, {"unknown": 3, "city": "Paris"}, {"city": "Rome", "age": -1.5, u"\u00e9": "x"}, {"city=Rome": 2.0}]
    add("dict", lambda: Case(DictVectorizer().fit(records), asked))
    add("dict_dense", lambda: Case(DictVectorizer(sparse=False, separator=":", sort=False).fit(records), asked))
    add("dict_logreg", lambda: Case(make_pipeline(DictVectorizer(), LogisticRegression(max_iter=500)).fit(records, y), asked))
    add("dict_forest", lambda: Case(make_pipeline(DictVectorizer(sparse=False), RandomForestClassifier(n_estimators=3, max_depth=3, random_state=0)).fit(records, y), asked))
    if VERSION >= (0, 24):
        lists = [{"genre": ["drama", "noir"], "year": 1950}, {"genre": ["comedy"], "year": 1960}]
        add("dict_lists", lambda: Case(DictVectorizer().fit(lists), lists + [{"genre": ["noir", "noir", "new"], "year": 3}]))
    add("hasher", lambda: Case(FeatureHasher(n_features=16).fit(records), asked))
    add("hasher_plain", lambda: Case(FeatureHasher(n_features=10, alternate_sign=False).fit(records), asked))
    add("hasher_pairs", lambda: Case(FeatureHasher(n_features=12, input_type="pair").fit([[("a", 1)]]), [[["a", 1], ["b", 2.5], ["a", 3]], [["c", "x"]], []]))
    add("hasher_strings", lambda: Case(FeatureHasher(n_features=12, input_type="string").fit([["a"]]), [["a", "b", "a"], [u"\u4e2d"], []]))
    add("hasher_sgd", lambda: Case(make_pipeline(FeatureHasher(n_features=32), SGDClassifier(random_state=0)).fit(records, y), asked))
    add("labels_text", lambda: Case(LabelEncoder().fit(["b", "a", u"\u00e9", "b"]), ["a", u"\u00e9", "b"]))
    add("labels_int", lambda: Case(LabelEncoder().fit([5, -3, 1000000007]), [1000000007, -3, 5]))
    add("binarizer_text", lambda: Case(LabelBinarizer().fit(["b", "a", "c"]), ["a", "c", "b"]))
    add("binarizer_two", lambda: Case(LabelBinarizer(neg_label=-1, pos_label=2).fit(["no", "yes"]), ["yes", "no", "yes"]))
    add("binarizer_int", lambda: Case(LabelBinarizer().fit([3, 1, 2, 7]), [7, 1, 3]))
    add("multilabel", lambda: Case(MultiLabelBinarizer().fit([["a", "b"], ["c"], []]), [["b", "a"], [], ["c", "c"], ["a", "z"]]))
    add("multilabel_int", lambda: Case(MultiLabelBinarizer(sparse_output=True).fit([[1, 2], [5]]), [[5, 1], [2], [9]]))
    add("multilabel_classes", lambda: Case(MultiLabelBinarizer(classes=["z", "a", "m"]).fit([["a"]]), [["m", "z"], ["a"]]))


def functions():
    from sklearn.preprocessing import FunctionTransformer
    X = scaled(IRIS)[0]
    for name in ("log1p", "expm1", "exp", "exp2", "sqrt", "cbrt", "square", "abs", "absolute", "fabs", "negative", "positive", "sign", "floor", "ceil", "trunc", "rint", "sin", "cos", "tan",
                 "arctan", "sinh", "cosh", "tanh", "arcsinh", "reciprocal", "deg2rad", "rad2deg", "radians", "degrees", "isnan", "isfinite"):
        def build(name=name):
            rows = np.vstack([np.abs(X[:8]) if name in ("sqrt", "log1p") else X[:8], [[0.5, 1.5, 2.5, 1e-12], [0.25, 1e-9, 3, 1]]])
            return Case(FunctionTransformer(getattr(np, name), validate=name != "isnan").fit(X), rows)
        add("function_" + name, build)
    small = np.tanh(X[:8]) * 0.9
    for name in ("arcsin", "arccos", "arctanh"):
        add("function_" + name, lambda name=name: Case(FunctionTransformer(getattr(np, name), validate=True).fit(X), small))
    for name in ("log", "log2", "log10", "arccosh"):
        add("function_" + name, lambda name=name: Case(FunctionTransformer(getattr(np, name), validate=True).fit(X), 1 + np.abs(X[:8])))
    add("function_clip", lambda: Case(FunctionTransformer(np.clip, validate=True, kw_args={"a_min": -0.5, "a_max": 1}).fit(X), X[:12]))
    add("function_round", lambda: Case(FunctionTransformer(np.round, validate=True, kw_args={"decimals": 1}).fit(X), X[:12]))
    add("function_nan_to_num", lambda: Case(FunctionTransformer(np.nan_to_num, kw_args={"nan": 7.5}).fit(X), with_gaps(X[:12])))


def guarded():
    """Encoders behind computed columns, and categories of more than one kind."""
    mixed = np.array([["a", 1], ["b", 2], [3, "x"], ["a", "x"]], dtype=object)
    categories = [["a", "b", 3], [1, 2, "x"]]
    add("onehot_mixed", lambda: Case(OneHotEncoder(categories=categories, handle_unknown="ignore").fit(mixed), np.array([["a", "x"], [3, 2], ["b", 7], [4, 1]], dtype=object)), since=(9, 0))
    X = np.array([[1.0, 2], [3, 1], [1, 1], [2, 2]])
    gaps = np.array([[1.0, np.nan], [np.nan, 1], [3, 2]])
    add("onehot_behind", lambda: Case(make_pipeline(SimpleImputer(strategy="most_frequent"), MaxAbsScaler(), OneHotEncoder()).fit(X), gaps))
    from sklearn.impute import MissingIndicator
    add("indicator_none", lambda: Case(MissingIndicator().fit(X), X))
    add("indicator_all", lambda: Case(MissingIndicator(features="all").fit(gaps), np.vstack([X, gaps])))
    add("indicator_seen", lambda: Case(MissingIndicator(error_on_new=False).fit(gaps), np.vstack([X, gaps])))
    if VERSION >= (1, 0):
        from sklearn.preprocessing import KBinsDiscretizer
        add("ordinal_behind", lambda: Case(make_pipeline(KBinsDiscretizer(2, encode="ordinal", strategy="uniform"), OrdinalEncoder()).fit(X), X[::-1]))


FAMILIES = (texts, selection, preprocessing, approximations, iterative, documents, functions, guarded)

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], families=FAMILIES)
