"""Pickles that scikit-learn's own classes wrote and whose numbers were then bent: nothing is called, but a reader that believes them
reads outside an array, walks in a circle or answers nonsense."""
import io
import pickle

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.tree._tree import Tree

X, Y = load_iris(return_X_y=True)
DX, DY = load_diabetes(return_X_y=True)


class BendingPickler(pickle.Pickler):
    """Writes every Tree with its arguments and state changed by bend(arguments, state)."""

    def __init__(self, out, bend):
        super().__init__(out, protocol=4)
        self.bend = bend

    def reducer_override(self, value):
        if type(value) is not Tree:
            return NotImplemented
        maker, arguments, state = value.__reduce__()
        state = {key: np.array(part) if isinstance(part, np.ndarray) else part for key, part in state.items()}
        return (maker,) + (self.bend(list(arguments), state) or (tuple(arguments), state))


def bent(model, bend):
    out = io.BytesIO()
    BendingPickler(out, bend).dump(model)
    return out.getvalue()


def tree():
    return DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, Y)


def forest():
    return RandomForestClassifier(n_estimators=2, max_depth=2, random_state=0).fit(X, Y)


def node(index, **fields):
    def bend(arguments, state):
        for field, value in fields.items():
            state["nodes"][field][index] = value
        return tuple(arguments), state
    return bend


def argument(index, value):
    def bend(arguments, state):
        arguments[index] = value
        return tuple(arguments), state
    return bend


def part(change):
    def bend(arguments, state):
        change(state)
        return tuple(arguments), state
    return bend


def only_fields(state, names):
    kept = np.zeros(len(state["nodes"]), dtype=[(name, state["nodes"].dtype[name]) for name in names])
    for name in names:
        kept[name] = state["nodes"][name]
    state["nodes"] = kept


def trees(shelf):
    mention = [["tree", "Tree", "node"]]
    bends = [
        ("cycle", node(2, left_child=0), "a child is the root"),
        ("self_loop", node(2, left_child=2, right_child=2), "a node is its own child"),
        ("child_out_of_range", node(0, left_child=10 ** 6), "a child behind the last node"),
        ("child_just_out_of_range", part(lambda s: s["nodes"]["right_child"].__setitem__(0, len(s["nodes"]))), "a child one behind the last node"),
        ("child_int64_max", node(0, right_child=2 ** 63 - 1), "a child at 2^63 - 1"),
        ("child_negative", node(0, left_child=-5), "a child below zero that is not the leaf mark"),
        ("child_shared", node(0, left_child=2, right_child=2), "both children are the same node"),
        ("half_leaf", node(0, left_child=-1), "a leaf on the left side only"),
        ("feature_out_of_range", node(0, feature=4), "feature 4 of 4"),
        ("feature_huge", node(0, feature=2 ** 40), "feature 2^40"),
        ("feature_negative", node(0, feature=-2), "an inner node without a feature"),
        ("node_count_larger", part(lambda s: s.update(node_count=s["node_count"] + 5)), "more nodes counted than stored"),
        ("node_count_huge", part(lambda s: s.update(node_count=10 ** 12)), "10^12 nodes counted"),
        ("node_count_negative", part(lambda s: s.update(node_count=-1)), "fewer than no nodes"),
        ("values_short", part(lambda s: s.update(values=s["values"][:-2])), "fewer value rows than nodes"),
        ("values_classes", part(lambda s: s.update(values=s["values"][:, :, :2])), "values for two classes, the tree has three"),
        ("values_flat", part(lambda s: s.update(values=s["values"].ravel())), "values without their shape"),
        ("values_text", part(lambda s: s.update(values=np.full(s["values"].shape, "x", dtype=object))), "values that are text"),
        ("nodes_empty", part(lambda s: s.update(nodes=s["nodes"][:0], values=s["values"][:0], node_count=0)), "no node at all"),
        ("nodes_missing_field", part(lambda s: only_fields(s, ["left_child", "feature", "threshold"])), "nodes without right_child"),
        ("nodes_not_struct", part(lambda s: s.update(nodes=np.zeros(len(s["nodes"]) * 8))), "nodes that are plain numbers"),
        ("nodes_missing", part(lambda s: s.pop("nodes")), "no nodes in the state"),
        ("n_features_zero", argument(0, 0), "a tree over no features"),
        ("n_features_negative", argument(0, -4), "a tree over -4 features"),
        ("n_classes_huge", argument(1, np.array([2 ** 40])), "2^40 classes"),
        ("n_classes_list", argument(1, np.array([3, 3, 3])), "three outputs' classes for one output"),
        ("n_outputs_huge", argument(2, 2 ** 40), "2^40 outputs"),
    ]
    for stem, bend, about in bends:
        shelf.add("tree_%s.pkl" % stem, bent(tree(), bend), mention, about)
    shelf.add("forest_tree_cycle.pkl", bent(forest(), node(0, right_child=0)), mention, "the same circle in every tree of a forest")
    model = DecisionTreeRegressor(max_depth=3).fit(DX, DY)
    shelf.add("tree_reg_outputs.pkl", bent(model, part(lambda s: s.update(values=np.repeat(s["values"], 3, axis=1)))), mention,
              "a regression tree with values for three outputs and room for one")
    deep = part(deep_chain)
    shelf.add("tree_deep_chain.joblib", zlib_joblib(bent(tree(), deep)), [["tree", "Tree", "node", "depth"]],
              "a chain 10,000 nodes deep, whose last child is the root")


def deep_chain(state):
    count = 20001
    nodes = np.zeros(count, dtype=state["nodes"].dtype)
    nodes["left_child"][:] = nodes["right_child"][:] = -1
    inner = np.arange(0, count - 2, 2)
    nodes["left_child"][inner], nodes["right_child"][inner] = inner + 1, inner + 2
    nodes["right_child"][inner[-1]] = 0
    values = np.zeros((count, 1, 3))
    values[:, 0, 0] = 1
    state.update(nodes=nodes, values=values, node_count=count, max_depth=count // 2)


def zlib_joblib(raw):
    import zlib
    return zlib.compress(raw, 9)


def dumped(model, **attributes):
    for key, value in attributes.items():
        setattr(model, key, value)
    return pickle.dumps(model, protocol=4)


def ensembles(shelf):
    add = lambda stem, raw, mention, about: shelf.add("%s.pkl" % stem, raw, mention, about)
    five = np.arange(5)
    for stem, attributes, about in [
            ("classes", dict(classes_=five, n_classes_=5), "five classes over trees of three"),
            ("outputs", dict(n_outputs_=3), "three outputs over trees of one"),
            ("empty", dict(estimators_=[]), "no tree"),
            ("not_trees", dict(estimators_=[1, "two", None]), "numbers and text in place of trees"),
            ("mixed", dict(estimators_=[tree(), LogisticRegression(max_iter=300).fit(X, Y)]), "a linear model among the trees"),
            ("none", dict(estimators_=None), "None in place of the trees"),
            ("classes_not_array", dict(classes_="abc"), "classes that are text"),
            ("features", dict(n_features_in_=2), "two features over trees that ask for the fourth")]:
        add("forest_" + stem, dumped(forest(), **attributes), ["RandomForestClassifier"], about)
    inside = forest()
    inside.estimators_.append(inside)
    add("forest_in_itself", dumped(inside), ["RandomForestClassifier"], "a forest among its own trees")
    grown = forest()
    grown.estimators_[1] = DecisionTreeClassifier(max_depth=2).fit(X[:, :2], Y == 0)
    add("forest_foreign_tree", dumped(grown), ["RandomForestClassifier"], "a tree over other features and classes")
    flat = RandomForestRegressor(n_estimators=2, max_depth=2).fit(DX, DY)
    flat.estimators_ = [tree()]
    add("forest_reg_of_classifiers", dumped(flat), ["RandomForestRegressor"], "a regression forest of classification trees")

    def boosted():
        return GradientBoostingClassifier(n_estimators=2, max_depth=1, random_state=0).fit(X, Y)
    small = boosted()
    for stem, attributes, about in [
            ("shape", dict(estimators_=small.estimators_[:, :2]), "two columns of trees for three classes"),
            ("flat", dict(estimators_=small.estimators_.ravel()), "trees without their second dimension"),
            ("not_trees", dict(estimators_=np.array([[1, 2, 3]], dtype=object)), "numbers in place of trees"),
            ("rate_text", dict(learning_rate="fast"), "a learning rate that is text"),
            ("init_text", dict(init_="nothing"), "a starting model that is text"),
            ("init_regressor", dict(init_=LinearRegression().fit(X, Y)), "a regressor as a classifier's starting model"),
            ("classes", dict(classes_=five), "five classes over three columns of trees"),
            ("loss_unknown", dict(loss="my_loss"), "a loss that does not exist")]:
        add("gboost_" + stem, dumped(boosted(), **attributes), ["GradientBoostingClassifier"], about)
    model = GradientBoostingRegressor(n_estimators=2, max_depth=2).fit(DX, DY)
    add("gboost_reg_columns", dumped(model, estimators_=np.repeat(model.estimators_, 2, axis=1)), ["GradientBoostingRegressor"],
        "two columns of trees in a regressor")


def linear_models(shelf):
    add = lambda stem, raw, mention, about: shelf.add("%s.pkl" % stem, raw, mention, about)

    def logreg():
        return LogisticRegression(max_iter=300).fit(X, Y)
    for stem, attributes, about in [
            ("coef_features", dict(coef_=np.ones((3, 7))), "seven coefficients for four features"),
            ("coef_classes", dict(coef_=np.ones((2, 4))), "two rows of coefficients for three classes"),
            ("coef_3d", dict(coef_=np.ones((3, 4, 1))), "three dimensions of coefficients"),
            ("coef_text", dict(coef_=np.full((3, 4), "x")), "text coefficients"),
            ("coef_objects", dict(coef_=np.full((3, 4), None, dtype=object)), "coefficients that are None"),
            ("coef_complex", dict(coef_=np.ones((3, 4), dtype=complex)), "complex coefficients"),
            ("coef_empty", dict(coef_=np.ones((0, 4))), "no row of coefficients"),
            ("intercept_short", dict(intercept_=np.ones(2)), "two intercepts for three classes"),
            ("classes_short", dict(classes_=np.array([0, 1])), "two classes for three rows"),
            ("classes_long", dict(classes_=np.arange(9)), "nine classes for three rows"),
            ("classes_nested", dict(classes_=np.ones((3, 2))), "classes with two dimensions"),
            ("no_classes", dict(classes_=None), "no classes")]:
        add("logreg_" + stem, dumped(logreg(), **attributes), ["LogisticRegression"], about)
    add("linreg_coef_3d", dumped(LinearRegression().fit(DX, DY), coef_=np.ones((2, 2, 2))), ["LinearRegression"], "coefficients with three dimensions")
    add("linreg_features", dumped(LinearRegression().fit(DX, DY), n_features_in_=4), ["LinearRegression"], "ten coefficients for four features")
    add("linreg_intercept", dumped(LinearRegression().fit(DX, np.c_[DY, DY]), intercept_=np.ones(5)), ["LinearRegression"], "five intercepts for two targets")
    add("sgd_coef_features", dumped(SGDClassifier(loss="log_loss").fit(X, Y), coef_=np.ones((3, 9))), ["SGDClassifier"], "nine coefficients for four features")


def transformers(shelf):
    add = lambda stem, raw, mention, about: shelf.add("%s.pkl" % stem, raw, mention, about)
    add("standard_mean", dumped(StandardScaler().fit(X), mean_=np.ones(3)), ["StandardScaler"], "three means for four features")
    add("standard_scale", dumped(StandardScaler().fit(X), scale_=np.ones(9)), ["StandardScaler"], "nine scales for four features")
    add("standard_scale_2d", dumped(StandardScaler().fit(X), scale_=np.ones((4, 4))), ["StandardScaler"], "scales with two dimensions")
    add("minmax_min", dumped(MinMaxScaler().fit(X), min_=np.ones(1)), ["MinMaxScaler"], "one minimum for four features")
    add("minmax_range", dumped(MinMaxScaler(clip=True).fit(X), feature_range="ab"), ["MinMaxScaler"], "a range that is text")
    add("robust_center", dumped(RobustScaler().fit(X), center_=np.ones(2)), ["RobustScaler"], "two centres for four features")
    add("imputer_statistics", dumped(SimpleImputer().fit(X), statistics_=np.ones(2)), ["SimpleImputer"], "two statistics for four features")
    add("imputer_strategy", dumped(SimpleImputer().fit(X), statistics_=np.array(["a"] * 4, dtype=object)), ["SimpleImputer"], "text fills columns of numbers")
    marked = SimpleImputer(add_indicator=True).fit(np.where(X > 6, np.nan, X))
    marked.indicator_.features_ = np.array([0, 77])
    add("imputer_indicator", dumped(marked), ["SimpleImputer"], "an indicator for column 77 of 4")
    words = np.array([["a", "x"], ["b", "y"], ["c", "x"]], dtype=object)

    def hot(**p):
        return OneHotEncoder(**p).fit(words)
    add("onehot_count", dumped(hot(), categories_=hot().categories_[:1]), ["OneHotEncoder"], "categories of one column for two")
    add("onehot_not_arrays", dumped(hot(), categories_=[1, None]), ["OneHotEncoder"], "numbers in place of categories")
    add("onehot_2d", dumped(hot(), categories_=[words, words]), ["OneHotEncoder"], "categories with two dimensions")
    add("onehot_drop_out_of_range", dumped(hot(drop="first"), drop_idx_=np.array([0, 50], dtype=object)), ["OneHotEncoder"], "drops category 50 of 2")
    rare = hot(min_frequency=2, handle_unknown="infrequent_if_exist")
    rare._infrequent_indices = [np.array([0, 99]), None]
    rare._default_to_infrequent_mappings = [np.array([5, 6]), None]
    add("onehot_infrequent", dumped(rare), ["OneHotEncoder"], "infrequent category 99 of 3")
    holder = np.empty(2, dtype=object)
    holder[:] = ["a", StandardScaler()]
    add("onehot_category_object", dumped(hot(), categories_=[holder, holder]), ["OneHotEncoder"], "a scaler as a category")
    add("ordinal_count", dumped(OrdinalEncoder().fit(words), categories_=[]), ["OrdinalEncoder"], "no categories for two columns")
    add("ordinal_unknown", dumped(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(words), unknown_value="x"), ["OrdinalEncoder"], "an unknown value that is text")


def compositions(shelf):
    add = lambda stem, raw, mention, about: shelf.add("%s.pkl" % stem, raw, mention, about)

    def split(columns):
        made = ColumnTransformer([("a", StandardScaler(), [0, 1])]).fit(X)
        made.transformers_ = [("a", made.transformers_[0][1], columns)]
        made._columns = [columns]
        made._transformer_to_input_indices = {"a": columns}
        return dumped(made)
    for stem, columns, about in [
            ("column_out_of_range", [0, 44], "column 44 of 4"), ("column_negative", [0, -9], "column -9 of 4"),
            ("column_name", ["petal", "leaf"], "names, though it was fitted on numbers"), ("column_2_62", [0, 2 ** 62], "column 2^62"),
            ("columns_count", [0, 1, 2], "three columns for a scaler of two"), ("mask_long", np.ones(99, dtype=bool), "a mask of 99 for 4 columns"),
            ("slice_step_zero", slice(0, 2, 0), "a slice with step 0"), ("slice_huge", slice(0, 2 ** 62), "a slice to 2^62"),
            ("columns_none", None, "None as columns"), ("columns_object", StandardScaler(), "a scaler as columns")]:
        add("split_" + stem, split(columns), ["ColumnTransformer"] if stem != "slice_huge" else [], about)
    itself = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(X, Y)
    itself.steps.insert(1, ("again", itself))
    add("pipeline_in_itself", dumped(itself), ["Pipeline"], "a pipeline that is one of its own steps")
    empty = make_pipeline(StandardScaler()).fit(X)
    add("pipeline_empty", dumped(empty, steps=[]), ["Pipeline"], "no step")
    odd = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(X, Y)
    add("pipeline_steps_not_pairs", dumped(odd, steps=["scale", 3]), ["Pipeline"], "steps that are not pairs")
    add("pipeline_predictor_first", dumped(odd, steps=[("m", LogisticRegression(max_iter=300).fit(X, Y)), ("s", StandardScaler().fit(X))]),
        ["Pipeline"], "a predictor before the last step")
    add("pipeline_widths", dumped(odd, steps=[("s", StandardScaler().fit(X)), ("m", LogisticRegression(max_iter=300).fit(X[:, :2], Y))]),
        [["Pipeline", "LogisticRegression"]], "a model of two features after four columns")
    add("names_count", dumped(LogisticRegression(max_iter=300).fit(X, Y), feature_names_in_=np.array(["a", "b"], dtype=object)),
        ["LogisticRegression"], "two names for four features")
    shelf.add("pipeline_deep.joblib", zlib_joblib(deep_pipeline(3000)), [["Pipeline", "deep", "depth", "nested"]],
              "pipelines nested 3000 deep, under zlib")


def deep_pipeline(depth):
    from opcodes import EMPTY_TUPLE, MARK, NEWOBJ, STOP, name, proto, text
    head = (name("sklearn.pipeline", "Pipeline") + EMPTY_TUPLE + NEWOBJ + b"}(" + text("memory") + b"N" + text("verbose") + b"\x89"
            + text("_sklearn_version") + text("1.9.1") + text("steps") + b"](" + MARK + text("s"))
    inner = pickle.dumps(StandardScaler().fit(X), protocol=2)[2:-1]
    return proto(4) + head * depth + inner + b"teub" * depth + STOP


def everything(shelf):
    trees(shelf)
    ensembles(shelf)
    linear_models(shelf)
    transformers(shelf)
    compositions(shelf)
