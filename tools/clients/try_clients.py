"""Real clients of other servers against a real slipway, unpatched. Prints a line a call; exits 1 when one doesn't work.
try_clients.py CLIENT...; run by tools/clients/run.sh."""
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


def triton_grpc(server, key, label):
    import queue

    import tritonclient.grpc as triton
    from tritonclient.utils import InferenceServerException

    client = triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}")
    credentials = {"authorization": "Bearer " + key}

    def numbers(datatype="FP64"):
        value = triton.InferInput("numbers", [2, 4], datatype)
        value.set_data_from_numpy(ROWS.astype(np.float32 if datatype == "FP32" else np.float64))
        return [value]

    def labels(result):
        found = [v.decode() if isinstance(v, bytes) else v for v in result.as_numpy("label").tolist()]
        assert found == label, found
        return found

    def infer(inputs=None, headers=credentials, **more):
        return labels(client.infer("iris", inputs or numbers(), headers=headers, **more))

    def stream(requests, headers=credentials):
        """Sends them all, then reads an answer each: (result, error) in the order of arrival."""
        answers = queue.Queue()
        with triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as streaming:
            streaming.start_stream(lambda result, error: answers.put((result, error)), headers=headers)
            for name, identity in requests:
                streaming.async_stream_infer(name, numbers(), request_id=identity)
            got = [answers.get(timeout=30) for _ in requests]
            streaming.stop_stream()
        return got

    attempt("tritonclient grpc live, ready", lambda: (client.is_server_live(), client.is_server_ready()))
    attempt("tritonclient grpc server metadata", lambda: client.get_server_metadata(as_json=True))

    def ready():
        good = client.is_model_ready("iris", headers=credentials), client.is_model_ready("iris", "1", headers=credentials)
        assert good == (True, True), good
        return good

    def metadata():
        got = client.get_model_metadata("iris", headers=credentials, as_json=True)
        assert got["inputs"][0] == {"name": "numbers", "datatype": "FP64", "shape": ["-1", "4"]}, got
        return got

    def config():
        got = client.get_model_config("iris", headers=credentials, as_json=True)["config"]
        assert got["input"][0]["data_type"] == "TYPE_FP64" and got["input"][0]["dims"] == ["4"] and got["max_batch_size"] == 100000, got
        return got

    attempt("tritonclient grpc model ready, with a version", ready)
    attempt("tritonclient grpc model metadata", metadata)
    attempt("tritonclient grpc config", config)
    attempt("tritonclient grpc infer", infer)
    attempt("tritonclient grpc infer, by x-api-key", lambda: infer(headers={"x-api-key": key}))
    attempt("tritonclient grpc infer, FP32", lambda: infer(numbers("FP32")))
    attempt("tritonclient grpc infer, gzip", lambda: infer(compression_algorithm="gzip"))
    attempt("tritonclient grpc infer, deflate", lambda: infer(compression_algorithm="deflate"))
    attempt("tritonclient grpc infer, priority, timeout, deadline, id", lambda: infer(priority=1, timeout=2_000_000, client_timeout=20, request_id="7"))
    attempt("tritonclient grpc infer, classification", lambda: client.infer(
        "iris", numbers(), outputs=[triton.InferRequestedOutput("probabilities", class_count=2)], headers=credentials).as_numpy("probabilities").tolist())

    def contents():
        request = triton.service_pb2.ModelInferRequest(model_name="iris")
        tensor = request.inputs.add(name="numbers", datatype="FP64", shape=[2, 4])
        tensor.contents.fp64_contents.extend(ROWS.ravel().tolist())
        response = client._client_stub.ModelInfer(request, metadata=tuple(credentials.items()))
        assert not response.raw_output_contents  # as it was asked; the client's own reader knows no numbers in contents
        found = [list(output.contents.int64_contents) for output in response.outputs if output.name == "label"]
        assert found == [label], response
        return found

    def async_infer():
        answers = queue.Queue()
        client.async_infer("iris", numbers(), callback=lambda result, error: answers.put((result, error)), headers=credentials)
        result, error = answers.get(timeout=30)
        assert error is None, error
        return labels(result)

    def streamed():
        got = stream([("iris", str(i)) for i in range(100)])
        assert [r.get_response().id for r, e in got] == [str(i) for i in range(100)]
        assert all(e is None and labels(r) for r, e in got)
        return len(got), "answers in order"

    def stream_with_errors():
        got = stream([("iris", "a"), ("nothing", "b"), ("iris", "c")])
        assert got[0][1] is None and got[2][1] is None and "no such model" in str(got[1][1]), got
        return got[1][1]

    attempt("tritonclient grpc infer, contents", contents)
    attempt("tritonclient grpc async infer", async_infer)
    attempt("tritonclient grpc stream", streamed)
    attempt("tritonclient grpc stream, an error in it", stream_with_errors)
    attempt("tritonclient grpc statistics", lambda: client.get_inference_statistics("iris", headers=credentials, as_json=True)["model_stats"][0]["inference_count"])
    attempt("tritonclient grpc statistics of all", lambda: len(client.get_inference_statistics(headers=credentials).model_stats))
    attempt("tritonclient grpc repository index", lambda: client.get_model_repository_index(headers=credentials, as_json=True)["models"])
    attempt("tritonclient grpc load, unload", lambda: (client.load_model("iris", headers=credentials), client.unload_model("iris", headers=credentials)))
    attempt("tritonclient grpc infer after unload", infer)

    def refused(call, code, text=""):
        def run():
            try:
                call()
            except InferenceServerException as e:
                assert e.status() == "StatusCode." + code and text in e.message(), e
                return e
            raise AssertionError("it was not refused")
        return run

    from tritonclient.grpc import InferInput
    wrong = InferInput("numbers", [2, 3], "FP64")
    wrong.set_data_from_numpy(np.zeros((2, 3)))
    attempt("tritonclient grpc errors: no such model", refused(lambda: client.infer("nothing", numbers(), headers=credentials), "NOT_FOUND", "no such model"))
    attempt("tritonclient grpc errors: wrong shape", refused(lambda: infer([wrong]), "INVALID_ARGUMENT", "numbers"))
    attempt("tritonclient grpc errors: no credentials", refused(lambda: infer(headers=None), "UNAUTHENTICATED"))
    for name, call in {
        "get_trace_settings": lambda: client.get_trace_settings(headers=credentials),
        "update_trace_settings": lambda: client.update_trace_settings(settings={"trace_rate": "1"}, headers=credentials),
        "get_log_settings": lambda: client.get_log_settings(headers=credentials),
        "update_log_settings": lambda: client.update_log_settings({"log_info": True}, headers=credentials),
        "get_system_shared_memory_status": lambda: client.get_system_shared_memory_status(headers=credentials),
        "register_system_shared_memory": lambda: client.register_system_shared_memory("a", "/a", 8, headers=credentials),
        "unregister_system_shared_memory": lambda: client.unregister_system_shared_memory(headers=credentials),
        "get_cuda_shared_memory_status": lambda: client.get_cuda_shared_memory_status(headers=credentials),
        "unregister_cuda_shared_memory": lambda: client.unregister_cuda_shared_memory(headers=credentials),
    }.items():
        attempt(f"tritonclient grpc {name}: not there", refused(call, "UNIMPLEMENTED"))

    def asyncio_client():
        import asyncio

        import tritonclient.grpc.aio as aio

        async def run():
            async with aio.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as c:
                results = await asyncio.gather(*(c.infer("iris", numbers(), headers=credentials) for _ in range(50)))

                async def requests():
                    for i in range(5):
                        yield {"model_name": "iris", "inputs": numbers(), "request_id": str(i)}

                streamed = [r async for r, e in c.stream_infer(requests(), headers=credentials)]
                return [labels(r) for r in results + streamed]

        return len(asyncio.run(run()))

    attempt("tritonclient grpc asyncio: infer, stream", asyncio_client)

    def health():
        import grpc
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            return channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=10)

    def kserve_load():  # its layout: field 1 is the model
        import grpc
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            answers = [channel.unary_unary(f"/inference.GRPCInferenceService/RepositoryModel{what}")(
                b"\x0a\x04iris", metadata=tuple(credentials.items()), timeout=60) for what in ("Load", "Unload")]
            assert answers == [b"\x0a\x04iris\x10\x01"] * 2, answers
            channel.unary_unary("/inference.model_repository.ModelRepositoryService/RepositoryIndex")(b"", metadata=tuple(credentials.items()), timeout=10)
            return answers

    attempt("grpc.health.v1", health)
    attempt("kserve's load, unload; mlserver's repository service", kserve_load)


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


def kserve_client(server, key, label):
    import asyncio

    import grpc
    import httpx
    import numpy as np
    from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

    base = f"http://127.0.0.1:{server.port}"

    def credentials():
        return {"Authorization": "Bearer " + key}

    metadata = (("authorization", "Bearer " + key),)

    def request(binary, name="iris"):
        numbers = InferInput("numbers", [2, 4], "FP64")
        numbers.set_data_from_numpy(ROWS.astype(np.float64), binary_data=binary)
        return InferRequest(model_name=name, infer_inputs=[numbers], request_id="7")

    def labels(response):
        found = next(output for output in response.outputs if output.name == "label").as_numpy().tolist()
        assert found == label and response.id == "7", response
        return found

    def rest(protocol, call):
        async def run():
            async with InferenceRESTClient(RESTConfig(protocol=protocol)) as client:
                return await call(client)
        return lambda: asyncio.run(run())

    def rpc(call, **more):
        async def run():
            async with InferenceGRPCClient(f"127.0.0.1:{server.grpc_port}", **more) as client:
                return await call(client)
        return lambda: asyncio.run(run())

    def true(call):
        async def run(client):
            got = await call(client)
            assert got is True, got
            return got
        return run

    async def v1_infer(client):
        got = await client.infer(base, {"instances": ROWS.tolist()}, model_name="iris", headers=credentials())
        assert [row["label"] for row in got["predictions"]] == label, got
        return got

    async def graph(client):
        got = await client.infer(base + "/v1/models/iris:predict", {"instances": ROWS.tolist()}, headers=credentials(), is_graph_endpoint=True)
        assert [row["label"] for row in got["predictions"]] == label, got
        return got

    def refused(call, kind, text):
        async def run(client):
            try:
                await call(client)
            except kind as e:
                assert text in str(e), e
                return text
            raise AssertionError("it was not refused")
        return run

    attempt("kserve rest v1 infer", rest("v1", v1_infer))
    attempt("kserve rest v1 infer, as a graph's endpoint", rest("v1", graph))
    attempt("kserve rest v1 live", rest("v1", true(lambda c: c.is_server_live(base))))
    attempt("kserve rest v1 model ready", rest("v1", true(lambda c: c.is_model_ready(base, "iris", headers=credentials()))))
    attempt("kserve rest v1 errors: no such model", rest("v1", refused(lambda c: c.is_model_ready(base, "nothing", headers=credentials()), httpx.HTTPStatusError, "404")))
    attempt("kserve rest v1 explain: not there", rest("v1", refused(
        lambda c: c.explain(base, "iris", {"instances": ROWS.tolist()}, headers=credentials()), httpx.HTTPStatusError, "405")))
    attempt("kserve rest v2 live", rest("v2", true(lambda c: c.is_server_live(base))))
    attempt("kserve rest v2 ready", rest("v2", true(lambda c: c.is_server_ready(base))))
    attempt("kserve rest v2 model ready", rest("v2", true(lambda c: c.is_model_ready(base, "iris", headers=credentials()))))

    async def not_ready(client):
        got = await client.is_model_ready(base, "nothing", headers=credentials())
        assert got is False, got
        return got

    async def v2_infer(client, binary):
        return labels(await client.infer(base, request(binary), model_name="iris", headers=credentials()))

    async def v2_dict(client):
        document = {"id": "7", "inputs": [{"name": "numbers", "shape": [2, 4], "datatype": "FP64", "data": ROWS.ravel().tolist()}]}
        return labels(await client.infer(base, document, model_name="iris", headers=credentials()))

    async def many(client):
        got = await asyncio.gather(*(client.infer(base, request(i % 2 == 0), model_name="iris", headers=credentials()) for i in range(50)))
        return len([labels(response) for response in got])

    attempt("kserve rest v2 model ready of none", rest("v2", not_ready))
    attempt("kserve rest v2 infer, JSON", rest("v2", lambda c: v2_infer(c, False)))
    attempt("kserve rest v2 infer, binary", rest("v2", lambda c: v2_infer(c, True)))
    attempt("kserve rest v2 infer, a dict", rest("v2", v2_dict))
    attempt("kserve rest v2 infer, 50 at once", rest("v2", many))
    attempt("kserve rest v2 errors: no such model", rest("v2", refused(
        lambda c: c.infer(base, request(False, "nothing"), model_name="nothing", headers=credentials()), httpx.HTTPStatusError, "404")))

    async def infer(client, binary=True):
        return labels(await client.infer(request(binary), headers=metadata, timeout=20))

    async def together(client):
        got = await asyncio.gather(*(client.infer(request(True), headers=metadata) for _ in range(50)))
        return len([labels(response) for response in got])

    attempt("kserve grpc live", rpc(true(lambda c: c.is_server_live())))
    attempt("kserve grpc ready", rpc(true(lambda c: c.is_server_ready())))
    attempt("kserve grpc model ready", rpc(true(lambda c: c.is_model_ready("iris", headers=metadata))))
    attempt("kserve grpc infer, raw", rpc(infer))
    attempt("kserve grpc infer, contents", rpc(lambda c: infer(c, False)))
    attempt("kserve grpc infer, without retries", rpc(infer, retries=0))
    attempt("kserve grpc infer, 50 at once", rpc(together))
    attempt("kserve grpc errors: no such model", rpc(refused(lambda c: c.infer(request(True, "nothing"), headers=metadata), grpc.RpcError, "NOT_FOUND")))
    attempt("kserve grpc errors: no credentials", rpc(refused(lambda c: c.infer(request(True)), grpc.RpcError, "UNAUTHENTICATED")))


def main():
    server = Server()
    try:
        key = server.key(server.register("ada@example.org"))
        model = server.upload(model_file(IRIS), key, name="iris").json
        label = server.predict(model["id"], {"instances": ROWS.tolist()}, key).json["outputs"]["label"]
        for clients in [globals()[name] for name in sys.argv[1:]]:
            try:
                clients(server, key, label)
            except ImportError as e:
                print(f"skip  {clients.__name__}: {e}")
    finally:
        server.close()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
