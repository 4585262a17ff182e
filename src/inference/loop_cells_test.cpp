#include "slipway/inference/loop_cells.hpp"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "slipway/inference/model_queue.hpp"
#include "slipway/os/ring.hpp"

namespace slipway::inference {
namespace {

using namespace std::chrono_literals;

struct NoFleet final : FleetCalls {
  void want(std::shared_ptr<ModelQueue>) override {}
  void broke(std::shared_ptr<CellLink>, Error) override {}
  void look_at(Steady) override {}
  void drained(std::shared_ptr<ModelQueue>) override {}
};

// A model whose cell is this test: it decides when a request is answered and when the Loop is told.
class LoopCellsTest : public testing::Test {
 protected:
  LoopCellsTest()
      : queue_metrics_{counter("refused"),           counter("shed"), counter("cancelled"), counter("quarantines"), metrics_.histogram("wait", ""),
                       metrics_.histogram("run", "")} {}

  void SetUp() override {
    auto eventfd = os::make_eventfd();
    ASSERT_TRUE(eventfd.ok());
    cells_ = std::make_shared<LoopCells>(loop_, 0, std::move(*eventfd));
    cells_->join_loop();
    thread_ = std::thread([this] { loop_.run(); });
    os::RingShape shape;
    shape.slots = 4;
    shape.arena_bytes = os::ArenaAllocator::kPage;
    auto host = os::RingHost::create(shape);
    ASSERT_TRUE(host.ok());
    link_ = std::make_shared<CellLink>(1, std::move(*host), 1);
    auto cell = os::RingCell::open(link_->ring.memfd(), shape, {cells_->eventfd()});
    ASSERT_TRUE(cell.ok());
    cell_.emplace(std::move(*cell));
    ModelSpec spec;
    spec.id = "m";
    spec.schema = std::make_shared<Schema>();
    model_ = std::make_shared<ModelQueue>(spec, options_, 1, 1, fleet_, queue_metrics_, std::vector{cells_});
    link_->model = model_;
    model_->attach(link_, 0);
  }

  void TearDown() override {
    model_->abandon();
    cells_->leave_loop().wait();
    loop_.stop();
    thread_.join();
    link_->model = nullptr;
  }

  Counter& counter(const std::string& name) { return metrics_.counter(name, ""); }

  std::future<void> ask() {
    auto answered = std::make_shared<std::promise<void>>();
    PredictJob job;
    job.deadline = std::chrono::steady_clock::now() + 1min;
    job.loop = &loop_;
    model_->predict(std::move(job), [answered](const Result<std::vector<Tensor>>&) { answered->set_value(); });
    return answered->get_future();
  }

  void complete_what_came() {
    std::vector<std::uint32_t> slots;
    cell_->wait();
    cell_->take(slots);
    for (const std::uint32_t slot : slots) {
      cell_->begin(slot);
      cell_->complete(slot, os::RunStatus::refused, 0);
    }
  }

  // The Loop has no way to tell that it sleeps; this is far longer than it needs.
  static void let_it_fall_asleep() { std::this_thread::sleep_for(50ms); }

  os::Loop loop_{0};
  Metrics metrics_;
  QueueMetrics queue_metrics_;
  NoFleet fleet_;
  EngineOptions options_;
  std::shared_ptr<LoopCells> cells_;
  std::shared_ptr<CellLink> link_;
  std::optional<os::RingCell> cell_;
  std::shared_ptr<ModelQueue> model_;
  std::thread thread_;
};

TEST_F(LoopCellsTest, AnAnswerWakesTheLoopThatSleeps) {
  let_it_fall_asleep();
  auto answered = ask();
  complete_what_came();
  cell_->flush();
  EXPECT_EQ(answered.wait_for(5s), std::future_status::ready);
}

TEST_F(LoopCellsTest, AnAnswerWakesTheLoopAlsoWhenTheCellToldItOfTheOneBeforeTooLate) {
  let_it_fall_asleep();
  auto first = ask();
  complete_what_came();
  loop_.post([] {});  // awake for another reason, it finds the answer before the cell tells
  ASSERT_EQ(first.wait_for(5s), std::future_status::ready);
  let_it_fall_asleep();
  cell_->flush();
  let_it_fall_asleep();
  auto second = ask();
  complete_what_came();
  cell_->flush();
  EXPECT_EQ(second.wait_for(5s), std::future_status::ready);
}

// The cell is this test's: whether it was told is seen by asking from the Loop's thread and looking before the turn is over.
TEST_F(LoopCellsTest, ACellIsWokenAtTheEndOfATurnOrBeforeSomethingLong) {
  let_it_fall_asleep();
  std::promise<void> hears;
  std::thread cell([&] {
    cell_->wait();
    hears.set_value();
  });
  auto heard = hears.get_future();
  std::this_thread::sleep_for(50ms);  // it sleeps now
  std::promise<std::pair<bool, bool>> seen;
  std::future<void> answered;
  loop_.post([&] {
    answered = ask();
    const bool at_once = heard.wait_for(100ms) == std::future_status::ready;
    loop_.hurry();
    seen.set_value({at_once, heard.wait_for(5s) == std::future_status::ready});
  });
  const auto [at_once, when_hurried] = seen.get_future().get();
  cell.join();
  EXPECT_FALSE(at_once) << "more may come in the same turn";
  EXPECT_TRUE(when_hurried);
  complete_what_came();
  cell_->flush();
  EXPECT_EQ(answered.wait_for(5s), std::future_status::ready);
}

}  // namespace
}  // namespace slipway::inference
