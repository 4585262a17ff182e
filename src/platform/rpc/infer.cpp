#include "slipway/platform/rpc/infer.hpp"

#include <inference.pb.h>

#include "slipway/os/loop.hpp"
#include "slipway/platform/predictions/oip_facts.hpp"
#include "slipway/platform/predictions/protocols.hpp"
#include "slipway/platform/rpc/tensors.hpp"
#include "slipway/tensor/answer_size.hpp"

namespace slipway::rpc {
namespace {

using predictions::Predictor;

// One request under way.
struct Inference {
  predictions::PredictorPtr predictor;
  CallPtr call;
  std::function<void(const Inference&, Result<Answer>)> done;
  bool streamed = false;
  std::string id;  // known as soon as the message could be read
  Predictor::Admitted admitted;
  InferWish wish;
  DecodedRequest input;
};
using InferencePtr = std::shared_ptr<Inference>;

Trailers limit_trailers(const Predictor& predictor, const limits::GrantPtr& limit) {
  http::Response headers;
  predictor.add_limit_headers(headers, limit);
  for (auto& [name, value] : headers.headers) {
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return std::move(headers.headers);
}

void fill(pb::ModelInferResponse& message, const Inference& asked) {
  message.set_model_name(asked.admitted.model->name);
  message.set_model_version(std::to_string(asked.admitted.model->version));
}

Result<Answer> answer_of(const Inference& asked, Result<std::vector<Tensor>> outputs) {
  const std::vector<Tensor> tensors = TRY(std::move(outputs));
  const Schema& schema = asked.admitted.model->codec->schema();
  const oip::AnswerForm form = writes_raw(asked.wish, tensors) ? oip::AnswerForm::raw_message : oip::AnswerForm::typed_message;
  const std::uint64_t size = TRY(oip::answer_size(asked.wish.request, schema, tensors, form, asked.predictor->options().answer_bytes_max));
  TRY(asked.predictor->check_answer(size, tensors));
  Answer answer;
  if (asked.streamed) {
    const auto message = std::make_shared<pb::ModelStreamInferResponse>();
    pb::ModelInferResponse& inner = *message->mutable_infer_response();
    fill(inner, asked);
    TRY(write_answer(inner, asked.wish, schema, tensors));
    (*inner.mutable_parameters())["triton_final_response"].set_bool_param(true);  // one request, one answer
    answer.message = message;
  } else {
    const auto message = std::make_shared<pb::ModelInferResponse>();
    fill(*message, asked);
    TRY(write_answer(*message, asked.wish, schema, tensors));
    answer.message = message;
    answer.trailers = limit_trailers(*asked.predictor, asked.admitted.limit);
  }
  return answer;
}

void run(const InferencePtr& asked, const predictions::Terms& terms) {
  asked->predictor->run(asked->admitted, terms, std::move(asked->input), asked->call->loop, asked->call->deadline,
                        [asked](Result<std::vector<Tensor>> outputs) {
                          try {
                            asked->done(*asked, answer_of(*asked, std::move(outputs)));
                          } catch (const std::exception& e) {  // no memory for the answer
                            asked->done(*asked, Error(ErrorCode::internal, "The answer could not be written.").because(e.what()));
                          }
                        });
}

Status begin(const InferencePtr& asked, std::string_view bytes) {
  const Predictor& predictor = *asked->predictor;
  const DecodeLimits limits = predictor.decode_limits();
  const http::Principal& who = *asked->call->request.principal;
  TRY(check_wire_size(bytes, limits.bytes_max + bytes.size()));
  pb::ModelInferRequest message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Error(ErrorCode::bad_request, "the message can't be read");
  asked->id = message.id();
  asked->admitted = TRY(predictor.admit(who, predictions::find_model(predictor, who, message.model_name(), message.model_version()), bytes.size()));
  const RequestCodec& codec = *asked->admitted.model->codec;
  asked->wish = TRY(read_request(message, limits));
  // Each is written once: a short request can't ask for a long answer many times over.
  if (asked->wish.request.outputs.size() > codec.schema().outputs.size())
    return Error(ErrorCode::invalid_input, "more outputs are asked for than the model has").at("#/outputs", "asks for one twice");
  for (const oip::WantedOutput& wanted : asked->wish.request.outputs) TRY(oip::output_index(codec.schema(), wanted.name));
  const predictions::Terms terms = TRY(predictions::oip_facts::terms_of(predictor, asked->call->request, asked->wish.request));
  asked->input = TRY(codec.decode_tensors(std::move(asked->wish.request.inputs), limits));
  asked->call->loop->post([asked, terms] { run(asked, terms); });
  return ok();
}

void start(const InferencePtr& asked, std::string_view bytes) {
  if (Status begun = begin(asked, bytes); !begun.ok()) asked->done(*asked, begun.error());
}

}  // namespace

void infer(const predictions::PredictorPtr& predictor, const CallPtr& call, std::string_view message, Reply reply) {
  const auto asked = std::make_shared<Inference>();
  asked->predictor = predictor;
  asked->call = call;
  asked->done = [reply = std::move(reply)](const Inference&, Result<Answer> answer) {
    reply(answer.ok() ? std::move(answer) : Result<Answer>(predictions::in_their_words(std::move(answer).error())));
  };
  start(asked, message);
}

void infer_in_stream(const predictions::PredictorPtr& predictor, const CallPtr& call, std::string_view message, Reply reply) {
  const auto asked = std::make_shared<Inference>();
  asked->predictor = predictor;
  asked->call = call;
  asked->streamed = true;
  asked->done = [reply = std::move(reply)](const Inference& about, Result<Answer> answer) {
    if (answer.ok()) return reply(std::move(answer));
    const auto refusal = std::make_shared<pb::ModelStreamInferResponse>();
    refusal->set_error_message(predictions::error_text(answer.error()));
    refusal->mutable_infer_response()->set_id(about.id);
    reply(Answer{refusal, {}});
  };
  start(asked, message);
}

}  // namespace slipway::rpc
