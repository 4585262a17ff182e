-- wrk: the same POST again and again. Environment: BENCH_BODY (a file), BENCH_TYPE, BENCH_KEY.
local file = io.open(os.getenv("BENCH_BODY"), "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
wrk.headers["Content-Type"] = os.getenv("BENCH_TYPE")
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")
