#include "slipway/web/pages.hpp"

namespace slipway::web {

std::string landing_page() {
  return document("slipway", R"html(<h1>A model file becomes a prediction API</h1>
<p>This is a <strong>slipway</strong> server. Upload a trained model (scikit-learn pickles and joblib files, ONNX) and it is served behind a key, with its input checked
against the model's own schema. Nothing in a model file is ever executed.</p>
<p>There is no dashboard yet: everything is done by REST, as below, or with the <code>slipway</code> program. The whole interface is described in
<a href="/api/openapi.json">/api/openapi.json</a> (OpenAPI 3.1); what an error means stands under <a href="/errors">/errors</a>.</p>

<h2>From an account to a prediction</h2>
<p>The first administrator is made with the link that the server prints when it starts. Then, in a shell:</p>
<pre tabindex="0"><code>URL=<span class="origin">http://127.0.0.1:8080</span>

# 1. Log in: answers {"access_token": …, "refresh_token": …}
curl -s $URL/api/auth/login -H 'Content-Type: application/json' \
  -d '{"email": "you@example.org", "password": "…"}'

# 2. Make an API key (shown once)
curl -s $URL/api/keys -H "Authorization: Bearer $ACCESS_TOKEN" \
  -H 'Content-Type: application/json' -d '{"name": "first"}'

# 3. Upload a model; wait=true: the answer comes when it is ready or refused
curl -s "$URL/api/models/upload?wait=true" -H "Authorization: Bearer $KEY" \
  -F name=iris -F file=@iris.pkl

# 4. Predict: the endpoint stands in the answer of 3
curl -s $URL/api/predict/$MODEL_ID -H "Authorization: Bearer $KEY" \
  -H 'Content-Type: application/json' \
  -d '{"instances": [[5.1, 3.5, 1.4, 0.2]]}'</code></pre>

<h2>The same with the program</h2>
<pre tabindex="0"><code>slipway login <span class="origin">http://127.0.0.1:8080</span>
slipway push iris.pkl
slipway predict MODEL_ID -i rows.csv</code></pre>

<h2>Calls</h2>
<table>
<thead><tr><th scope="col">Call</th><th scope="col">Does</th></tr></thead>
<tbody>
<tr><td><code>POST /api/auth/login</code></td><td>tokens for an account</td></tr>
<tr><td><code>POST /api/keys</code>, <code>GET /api/keys</code></td><td>make and list API keys</td></tr>
<tr><td><code>POST /api/models/upload</code></td><td>upload a model (multipart: file, name, description, tags)</td></tr>
<tr><td><code>GET /api/models</code>, <code>GET /api/models/:id</code></td><td>list models; one with its inputs and outputs</td></tr>
<tr><td><code>POST /api/predict/:id</code></td><td>predict: JSON, CSV or npy</td></tr>
<tr><td><code>GET /healthz</code>, <code>/readyz</code>, <code>/metrics</code></td><td>for load balancers and Prometheus</td></tr>
</tbody>
</table>
)html",
                  "<script src=\"/assets/origin.js\" defer></script>\n");
}

}  // namespace slipway::web
