"""What people really dump: skops files, several files that make one model, dicts and tuples of estimators, and joblib 0.9's siblings.

    python make_containers.py 1.9.1 tests/corpus/containers/1.9.1

A case of one file is as in make_sklearn.py. A case of several has files.json: {"files": [names in the order they are given], "entry": ...}
and those files instead of a model.*; expected.json is what the library answers when the objects are used one after the other.
joblib 0.9 is used from the folder that JOBLIB09 names, when it does; skops when it can be imported.
"""
import io
import json
import os
import pickle
import sys

from make_sklearn import *  # noqa: F401,F403
import make_sklearn as base

try:
    import skops.io as skops_io
except ImportError:
    skops_io = None

BUNDLES = []


class Bundle(object):
    """files: (name, object) in the order they are given; answer(): what the library says."""

    def __init__(self, files, request, expected, entry="", write=None):
        self.files, self.request, self.expected, self.entry, self.write = files, request, expected, entry, write


def bundle(name):
    def register(build):
        BUNDLES.append((name, build))
        return build
    return register


def dump(value, path):
    with open(path, "wb") as out:
        pickle.dump(value, out)


def write_bundle(name, build, root):
    made = build()
    folder = os.path.join(root, name)
    os.makedirs(folder)
    names = [file_name for file_name, _ in made.files]
    for file_name, value in made.files:
        path = os.path.join(folder, file_name)
        if made.write is not None:
            names = made.write(value, path) or names
        elif file_name.endswith(".joblib"):
            joblib.dump(value, path)
        elif file_name.endswith(".skops"):
            skops_io.dump(value, path)
        else:
            dump(value, path)
    documents = (("input.json", request_body(made.request)), ("expected.json", made.expected),
                 ("files.json", {"files": names, "entry": made.entry}))
    for file_name, value in documents:
        with io.open(os.path.join(folder, file_name), "w", encoding="utf-8") as out:
            out.write(json.dumps(value, ensure_ascii=False) + "\n")
    return {"case": name, "container": "several", "file": names[-1], "kind": made.expected["kind"], "estimators": []}


# ---------------------------------------------------------------------------------------------- several files

def labelled(expected, encoder):
    return dict(expected, label=nested(encoder.inverse_transform(np.array(expected["label"]))))


def scaled_iris():
    from sklearn.preprocessing import LabelEncoder
    X = IRIS[0]
    encoder = LabelEncoder().fit(FLOWERS)
    scaler = StandardScaler().fit(X)
    model = LogisticRegression(C=0.5, max_iter=300).fit(scaler.transform(X), encoder.transform(FLOWERS))
    asked = ask(X)
    return scaler, model, encoder, asked, answer(model, scaler.transform(asked))


@bundle("files_scaler_model")
def _():
    scaler, model, _, asked, expected = scaled_iris()
    return Bundle([("scaler.pkl", scaler), ("model.pkl", model)], asked, expected)


@bundle("files_wrong_order")
def _():
    scaler, model, encoder, asked, expected = scaled_iris()
    return Bundle([("encoder.pkl", encoder), ("model.joblib", model), ("scaler.joblib", scaler)], asked, labelled(expected, encoder))


@bundle("files_decoded_and_named")
def _():
    scaler, model, encoder, asked, expected = scaled_iris()
    columns = ["sepal length", "sepal width", "petal length", u"petal width é"]
    return Bundle([("columns.pkl", columns), ("scaler.pkl", scaler), ("model.pkl", model), ("encoder.pkl", encoder)],
                  pd.DataFrame(asked, columns=columns), labelled(expected, encoder))


@bundle("files_index_of_columns")
def _():
    model = RandomForestRegressor(n_estimators=4, max_depth=3, random_state=1).fit(*DIABETES)
    asked = ask(DIABETES[0])
    columns = pd.Index(["a", "b", "c", "d", "e", "f"])
    return Bundle([("model.pkl", model), ("columns.pkl", columns)], pd.DataFrame(asked, columns=list(columns)), answer(model, asked))


@bundle("files_three_steps")
def _():
    X, y = with_gaps(DIABETES[0], seed=5), DIABETES[1]
    imputer = SimpleImputer(strategy="median").fit(X)
    scaler = MinMaxScaler().fit(imputer.transform(X))
    model = Ridge().fit(scaler.transform(imputer.transform(X)), y)
    asked = with_gaps(ask(DIABETES[0]), seed=6)
    return Bundle([("imputer.joblib", imputer), ("scaler.joblib", scaler), ("model.joblib", model)], asked,
                  answer(model, scaler.transform(imputer.transform(asked))))


@bundle("files_one_hot_changes_width")
def _():
    table = TABLE[["sex", "pclass"]].astype(str)
    encoder = OneHotEncoder(handle_unknown="ignore").fit(table.values)
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(encoder.transform(table.values).toarray(), SURVIVED)
    asked = table.values[:12]
    return Bundle([("model.pkl", model), ("encoder.pkl", encoder)], asked, answer(model, encoder.transform(asked).toarray()))


@bundle("files_only_transformers")
def _():
    X = IRIS[0]
    first = StandardScaler().fit(X)
    second = MinMaxScaler().fit(first.transform(X))
    asked = ask(X)
    return Bundle([("first.pkl", first), ("second.pkl", second)], asked,
                  {"kind": "transformer", "transformed": nested(second.transform(first.transform(asked)))})


@bundle("files_from_dicts")
def _():
    scaler, model, encoder, asked, expected = scaled_iris()
    return Bundle([("tools.pkl", {"scaler": scaler, "le": encoder, "note": "x"}), ("model.pkl", model)], asked,
                  labelled(expected, encoder), "scaler,model.pkl,tools.pkl:le")


# ---------------------------------------------------------------------------------------------- one file with several objects

@bundle("dict_chained")
def _():
    scaler, model, encoder, asked, expected = scaled_iris()
    return Bundle([("bundle.pkl", {"model": model, "scaler": scaler, "columns": ["a", "b", "c", "d"]})],
                  pd.DataFrame(asked, columns=list("abcd")), expected, "scaler,model")


@bundle("dict_decoded")
def _():
    scaler, model, encoder, asked, expected = scaled_iris()
    return Bundle([("bundle.joblib", {"model": model, "scaler": scaler, "label_encoder": encoder})], asked,
                  labelled(expected, encoder), "scaler,model,label_encoder")


@bundle("dict_one_estimator")
def _():
    model = DecisionTreeRegressor(max_depth=4, random_state=0).fit(*DIABETES)
    asked = ask(DIABETES[0])
    frame = pd.DataFrame(DIABETES[0]).head(5)
    return Bundle([("bundle.pkl", {"model": model, "X": frame, "y": pd.Series(DIABETES[1][:5]), "mean": DIABETES[1].mean(), "when": "today",
                                   "scores": np.arange(3.0)})], asked, answer(model, asked))


@bundle("dict_by_path")
def _():
    forest = RandomForestClassifier(n_estimators=5, max_depth=3, random_state=0).fit(IRIS[0], FLOWERS)
    tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(IRIS[0], FLOWERS)
    asked = ask(IRIS[0])
    return Bundle([("models.pkl", {"best": {"forest": forest, "tree": tree}, "all": [tree]})], asked, answer(tree, asked), "best.tree")


@bundle("tuple_chained")
def _():
    scaler, model, _, asked, expected = scaled_iris()
    return Bundle([("pair.pkl", (model, scaler))], asked, expected, "[1],[0]")


@bundle("step_of_pipeline")
def _():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(*IRIS)
    asked = ask(IRIS[0])
    return Bundle([("pipeline.pkl", pipeline)], asked, answer(pipeline[-1], asked), "steps[1][1]")


# ---------------------------------------------------------------------------------------------- joblib 0.9

def old_joblib(compress):
    """joblib 0.9 in the place of the one that scikit-learn has imported: large arrays become files of their own."""
    def mine():
        return [name for name in sys.modules if name.split(".")[0] == "joblib"]

    def write(value, path):
        kept = {name: sys.modules.pop(name) for name in mine()}
        sys.path.insert(0, os.environ["JOBLIB09"])
        try:
            from joblib import numpy_pickle as old
            more = {"compress": 3, "cache_size": 0.00005} if compress else {}
            return [os.path.basename(p) for p in old.dump(value, path, **more)]
        finally:
            sys.path.pop(0)
            for name in mine():
                del sys.modules[name]
            sys.modules.update(kept)
    return write


def old_joblib_cases():
    for name, compress in (("joblib09_files", False), ("joblib09_zipped", True)):
        @bundle(name)
        def _(compress=compress):
            pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(*IRIS)
            asked = ask(IRIS[0])
            return Bundle([("model.pkl", pipeline)], asked, answer(pipeline, asked), write=old_joblib(compress))


# ---------------------------------------------------------------------------------------------- skops

SKOPS = ["titanic_logreg", "dtree_reg_multi", "columns_slice", "columns_mask", "sgd_reg", "function_log1p", "onehot_drop_first",
         "iris_pipeline", "ordinal_unknown_value", "logreg_bools"]
if VERSION >= (1, 9):  # a tree is large in this format
    SKOPS += ["gboost_multi", "forest_strings"]


def skops_cases(every=False):
    for family in base.FAMILIES:
        family()
    wanted = [(name, build) for name, build in base.CASES if every or name in SKOPS]
    del base.CASES[:]
    for name, build in wanted:
        if not name.startswith("container"):
            case("skops_" + name)(as_skops(build))


def as_skops(build):
    def made():
        one = build()
        one.container = "skops"
        return one
    return made


def containers(version, root, every_skops=False):
    if skops_io is not None:
        skops_cases(every_skops)
    base.main(version, root, families=())
    if "JOBLIB09" in os.environ:
        old_joblib_cases()
    made, failed = [], []
    for name, build in BUNDLES:
        try:
            made.append(write_bundle(name, build, root))
        except Exception:
            failed.append(name)
            shutil.rmtree(os.path.join(root, name), ignore_errors=True)
            sys.stderr.write("%s\n%s\n" % (name, traceback.format_exc(limit=-3)))
    path = os.path.join(root, "cases.json")
    with io.open(path, encoding="utf-8") as stream:
        about = json.load(stream)
    about["cases"] += made
    if skops_io is not None:
        import skops
        about["skops"] = skops.__version__
    with io.open(path, "w", encoding="utf-8") as out:
        out.write(json.dumps(about, indent=1) + "\n")
    print("containers %s: %d bundles, failed: %s" % (version, len(made), failed))


if __name__ == "__main__":
    containers(sys.argv[1], sys.argv[2], "--all-skops" in sys.argv)
