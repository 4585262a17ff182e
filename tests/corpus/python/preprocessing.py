import numpy as np
from sklearn.preprocessing import FunctionTransformer

FEATURES = {"age": (0, 120), 'income': (None, 1e6)}


def clip_and_log(frame, *, columns=tuple(FEATURES)):
    frame = frame.copy()
    for column in columns:
        low, high = FEATURES[column]
        frame[column] = np.log1p(np.clip(frame[column].fillna(0), low, high))
    frame["ratio"] = frame["age"] / (frame["income"] + 1e-9)
    frame.loc[frame["ratio"] > 1, "ratio"] = np.nan
    mask = (frame["age"] >= 18) & ~frame["income"].isna() | (frame["age"] == -1)
    return frame[mask].assign(size=lambda f: f["age"] ** 2).iloc[:, ::-1]


steps = [("clip", FunctionTransformer(clip_and_log, kw_args={'columns': ["age"]}))]
