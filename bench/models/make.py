"""Makes breast_cancer_logreg.pkl: 30 features, standardised, logistic regression; and a request of one row. scikit-learn 1.9.1."""
import json
import pickle
from pathlib import Path

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

here = Path(__file__).parent
x, y = load_breast_cancer(return_X_y=True)
model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x, y)
(here / "breast_cancer_logreg.pkl").write_bytes(pickle.dumps(model, protocol=4))
(here / "breast_cancer_row.json").write_text(json.dumps({"instances": [x[0].tolist()]}) + "\n")
(here / "breast_cancer_answer.json").write_text(json.dumps({"label": int(model.predict(x[:1])[0]), "probabilities": model.predict_proba(x[:1])[0].tolist()}) + "\n")
