"""Real clients of other servers against a real slipway, unpatched. Prints a line a call; exits 1 when one doesn't work.
Run by tools/clients/run.sh."""
import sys
import traceback
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "e2e"))
from support import IRIS, Server, model_file  # noqa: E402

ROWS = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]])
failures = 0


def attempt(name, call):
    global failures
    try:
        print(f"ok    {name}: {str(call())[:90]}", flush=True)
    except Exception:
        failures += 1
        print(f"FAIL  {name}\n{traceback.format_exc(limit=3)}", flush=True)


def triton_http(server, key, label):
    import tritonclient.http as triton

    client = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
    def credentials():
        return {"Authorization": "Bearer " + key}  # a new one each time: the client writes into it

    def tensor(binary, datatype="FP64"):
        value = triton.InferInput("numbers", [2, 4], datatype)
        value.set_data_from_numpy(ROWS.astype(np.float32 if datatype == "FP32" else np.float64), binary_data=binary)
        return [value]

    def infer(binary, outputs=None, **more):
        result = client.infer("iris", tensor(binary), outputs=outputs, headers=credentials(), **more)
        assert result.as_numpy("label").tolist() == label
        return result.as_numpy("label").tolist()

    attempt("tritonclient http live, ready", lambda: (client.is_server_live(), client.is_server_ready()))
    attempt("tritonclient http server metadata", lambda: client.get_server_metadata())
    attempt("tritonclient http model ready, with a version", lambda: (client.is_model_ready("iris", headers=credentials()), client.is_model_ready("iris", "1", headers=credentials())))
    attempt("tritonclient http model metadata", lambda: client.get_model_metadata("iris", headers=credentials())["inputs"])
    attempt("tritonclient http config", lambda: client.get_model_config("iris", headers=credentials()))
    attempt("tritonclient http infer, binary (default)", lambda: infer(True))
    attempt("tritonclient http infer, JSON", lambda: infer(False, [triton.InferRequestedOutput("label", binary_data=False)]))
    attempt("tritonclient http infer, JSON in, binary out", lambda: infer(False))
    attempt("tritonclient http infer, gzip", lambda: infer(True, request_compression_algorithm="gzip", response_compression_algorithm="gzip"))
    attempt("tritonclient http infer, deflate", lambda: infer(True, request_compression_algorithm="deflate"))
    attempt("tritonclient http infer, classification", lambda: client.infer(
        "iris", tensor(True), outputs=[triton.InferRequestedOutput("probabilities", class_count=2)], headers=credentials()).as_numpy("probabilities").tolist())
    attempt("tritonclient http infer, priority, timeout, id", lambda: infer(True, priority=1, timeout=2_000_000, request_id="7"))
    attempt("tritonclient http async infer", lambda: client.async_infer("iris", tensor(True), headers=credentials()).get_result().as_numpy("label").tolist())
    attempt("tritonclient http statistics", lambda: client.get_inference_statistics("iris", headers=credentials())["model_stats"][0]["inference_count"])
    attempt("tritonclient http statistics of all", lambda: len(client.get_inference_statistics(headers=credentials())["model_stats"]))
    attempt("tritonclient http repository index", lambda: client.get_model_repository_index(headers=credentials()))
    attempt("tritonclient http load, unload", lambda: (client.load_model("iris", headers=credentials()), client.unload_model("iris", headers=credentials())))
    attempt("tritonclient http infer after unload", lambda: infer(True))

    def refused():
        try:
            client.infer("nothing", tensor(True), headers=credentials())
        except triton.InferenceServerException if hasattr(triton, "InferenceServerException") else Exception as e:
            assert "no such model" in str(e), e
            return e
        raise AssertionError("it was not refused")

    attempt("tritonclient http error text", refused)


def mlflow_client(server, key, label):
    import pandas as pd
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient


    frame = pd.DataFrame(ROWS, columns=["x0", "x1", "x2", "x3"])
    import requests
    session_request = requests.Session.request

    def with_credentials(self, method, url, **kwargs):
        kwargs["headers"] = {**(kwargs.get("headers") or {}), "Authorization": "Bearer " + key}
        return session_request(self, method, url, **kwargs)

    requests.Session.request = with_credentials
    try:
        attempt("mlflow ping", lambda: ScoringServerClient("127.0.0.1", server.port).ping())
        client = ScoringServerClient("127.0.0.1", server.port)
        attempt("mlflow version", lambda: client.get_version())

        def invoke():
            got = client.invoke(frame).get_predictions().iloc[:, 0].tolist()
            assert got == label, got
            return got

        attempt("mlflow invoke (DataFrame)", invoke)
    finally:
        requests.Session.request = session_request


def kserve_v1(server, key, label):
    import requests

    headers = {"Authorization": "Bearer " + key}
    base = f"http://127.0.0.1:{server.port}"

    def predict():
        got = requests.post(base + "/v1/models/iris:predict", json={"instances": ROWS.tolist()}, headers=headers, timeout=20)
        got.raise_for_status()
        labels = [row["label"] for row in got.json()["predictions"]]
        assert labels == label
        return labels

    attempt("requests v1 predict", predict)


def main():
    server = Server()
    try:
        key = server.key(server.register("ada@example.org"))
        model = server.upload(model_file(IRIS), key, name="iris").json
        label = server.predict(model["id"], {"instances": ROWS.tolist()}, key).json["outputs"]["label"]
        for clients in (triton_http, mlflow_client, kserve_v1):
            try:
                clients(server, key, label)
            except ImportError as e:
                print(f"skip  {clients.__name__}: {e}")
    finally:
        server.close()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
