// Random calls, most of them wrong.
#pragma once
#include <algorithm>
#include <set>

#include "traffic.h"

// Makes calls with random numbers in any place. It knows which the library must refuse, and which it must not; accepted
// plans must give the usual bits, whatever was refused before.
class Fuzz {
 public:
  Fuzz(int family, uint64_t seed)
      : random_(seed), scene_(SMALL, family, random_, 8, 40), other_(TINY, family, random_, 0, 1),
        family_(family), empty_(scene_.data, family, false), block_(*scene_.model, 6, CAPACITY, RING),
        second_(*scene_.model, 3, 128, 128), other_block_(*other_.model, 4, CAPACITY, RING),
        empty_block_(empty_, 2, CAPACITY, RING), other_adapter_(*other_.model, other_.adapters[0]) {
    for (const AdapterData& a : scene_.adapters) adapters_.push_back(std::make_unique<Adapter>(*scene_.model, a));
    closed_ = std::make_unique<Block>(*scene_.model, 1, 64, 64)->handle.value;
    handles_ = {0, -1, closed_, model(), empty_.handle.value, other_.model->handle.value, block_.handle.value,
                second_.handle.value, other_block_.handle.value, other_adapter_.handle.value};
    for (auto& a : adapters_) handles_.push_back(a->handle.value);
  }

  std::string run(int count) {
    for (int i = 0; i < count; i++) plan(), head(), gold(), objects(), block(), shape();
    return format("%d calls refused, %d accepted", refused_, accepted_);
  }

 private:
  enum Expected { REFUSED, ACCEPTED, EITHER };
  struct Plan {
    int64_t model, rows, first = 0, end = SMALL.layers(), threads;
    std::vector<Segment> segments;
    std::vector<int> texts;
  };
  Random random_;
  Scene scene_, other_;
  int family_;
  Model empty_;  // without weights
  Block block_, second_, other_block_, empty_block_;
  Adapter other_adapter_;
  std::vector<std::unique_ptr<Adapter>> adapters_;
  int64_t closed_;
  std::vector<int64_t> handles_;
  int refused_ = 0, accepted_ = 0;

  int64_t model() const { return scene_.model->handle.value; }
  bool is_model(int64_t handle) const {
    return handle == model() || handle == empty_.handle.value || handle == other_.model->handle.value;
  }
  bool is_adapter(int64_t handle) const {
    for (auto& a : adapters_)
      if (a->handle.value == handle) return true;
    return handle == 0;
  }
  int64_t odd() {
    static const int64_t values[] = {0, 1, 2, 3, 63, 64, 65, 191, 192, 193, 255, 65536, INT32_MAX, 1LL << 31, 1LL << 32,
                                     (1LL << 32) + 1, 1LL << 40, 1LL << 61, 1LL << 62, INT64_MAX};
    int64_t v = random_.chance(0.2) ? static_cast<int64_t>(random_.next()) : values[random_.next() % std::size(values)];
    return random_.chance(0.3) ? -static_cast<uint64_t>(v) : v;
  }
  int64_t odd_handle() { return random_.chance(0.8) ? random_.one_of(handles_) : odd(); }
  int64_t odd_threads() { return random_.chance(0.9) ? random_.between(-1, 4) : odd(); }

  // Whether the call was accepted, which must be as expected.
  bool checked(const char* message, Expected expected, const std::string& call) {
    (message ? refused_ : accepted_)++;
    if (message && !*message) fail("an empty message for " + call);
    if (!message && expected == REFUSED) fail("accepted: " + call);
    if (message && expected == ACCEPTED) fail("refused: " + call + ": " + message);
    return !message;
  }

  // ---- plans ----

  // Prompts of a few texts from their beginning.
  Plan draw() {
    Plan p{model(), 0, 0, SMALL.layers(), random_.between(1, 3), {}, {}};
    std::vector<int64_t> slots = {0, 1, 2, 3, 4, 5};
    random_.shuffle(slots);
    for (int i = random_.between(1, 4); i > 0; i--) {
      p.texts.push_back(random_.next() % scene_.texts.size());
      const Text& text = scene_.texts[p.texts.back()];
      int64_t adapter = text.adapter < 0 ? 0 : adapters_[text.adapter]->handle.value;
      p.segments.push_back({block_.handle.value, slots[i], 0, random_.between(1, text.length), adapter, text.boundary});
      p.rows += p.segments.back().tokens;
    }
    return p;
  }
  void change(Plan& p) {
    Segment& s = random_.one_of(p.segments);
    switch (random_.next() % 13) {
      case 0: p.model = odd_handle(); break;
      case 1: p.rows = odd(); break;
      case 2: p.first = odd(); break;
      case 3: p.end = odd(); break;
      case 4: p.threads = odd_threads(); break;
      case 5: s.block = odd_handle(); break;
      case 6: s.slot = random_.one_of(p.segments).slot; break;
      case 7: s.slot = odd(); break;
      case 8: s.position = CAPACITY - s.tokens + random_.between(0, 1); break;
      case 9: s.position = odd(); break;
      case 10: p.rows -= s.tokens, s.tokens = odd(), p.rows += static_cast<uint64_t>(s.tokens); break;
      case 11: s.adapter = odd_handle(); break;
      case 12: s.boundary = odd(); break;
    }
  }
  Expected expected(const Plan& p) const {
    if (p.model != model() || p.first < 0 || p.end > SMALL.layers() || p.first > p.end || p.threads < 1) return REFUSED;
    __int128 rows = 0;
    std::set<std::pair<int64_t, int64_t>> slots;
    bool either = p.first == p.end;
    for (const Segment& s : p.segments) {
      const Block* b = s.block == block_.handle.value ? &block_ : s.block == second_.handle.value ? &second_ : nullptr;
      if (!b || s.slot < 0 || s.slot >= b->slots || s.position < 0 || s.tokens < 1 ||
          s.tokens > b->capacity - s.position || !is_adapter(s.adapter) || !slots.insert({s.block, s.slot}).second)
        return REFUSED;
      rows += s.tokens;
      either |= s.boundary < 0 || s.boundary > SMALL.layers();
    }
    return rows != p.rows ? REFUSED : either ? EITHER : ACCEPTED;
  }
  void plan() {
    Plan original = draw(), p = original;
    for (int i = random_.between(0, 3); i > 0; i--) change(p);
    Expected e = expected(p);
    std::vector<float> input;
    for (size_t i = 0; i < original.segments.size(); i++) {
      const std::vector<float>& x = scene_.texts[original.texts[i]].x;
      input.insert(input.end(), x.begin(), x.begin() + original.segments[i].tokens * SMALL.hidden);
    }
    if (e != REFUSED) input.resize(p.rows * SMALL.hidden);
    Guarded<float> x(input);
    Guarded<Segment> segments(p.segments);
    std::string call = text(p);
    if (!checked(tidemark_run_layers(p.model, x.data(), p.rows, &segments.data()->block, segments.size(), p.first,
                                     p.end, p.threads), e, call))
      return;
    if (p.first > 0 || p.end < SMALL.layers()) return;
    for (size_t i = 0, at = 0; i < p.segments.size(); i++) {  // up to the first segment that has become another
      const Segment &s = p.segments[i], &o = original.segments[i];
      if (s.position || s.tokens != o.tokens || s.adapter != o.adapter) return;
      if (std::clamp<int64_t>(s.boundary, 0, SMALL.layers()) != o.boundary) return;
      require_same(&x[at], scene_.texts[p.texts[i]].states.data(), s.tokens * SMALL.hidden, call);
      at += s.tokens * SMALL.hidden;
    }
  }
  static std::string text(const Plan& p) {
    std::string out = format("model %ld, %ld rows, layers %ld to %ld, %ld threads, segments", p.model, p.rows, p.first,
                             p.end, p.threads);
    for (const Segment& s : p.segments)
      out += format(" [block %ld, slot %ld, position %ld, tokens %ld, adapter %ld, boundary %ld]", s.block, s.slot,
                    s.position, s.tokens, s.adapter, s.boundary);
    return out;
  }

  // ---- other calls ----

  void head() {
    int64_t m = random_.chance(0.5) ? odd_handle() : model();
    int64_t rows = random_.chance(0.5) ? 3 : std::min<int64_t>(odd(), 3);
    int64_t threads = random_.chance(0.5) ? 2 : odd_threads();
    bool weights = m == model() || m == other_.model->handle.value;
    Expected e = !weights || rows < 0 || threads < 1 ? REFUSED : rows == 0 ? EITHER : ACCEPTED;
    Guarded<float> h(random_.normals(3 * SMALL.hidden, 1)), logits(3 * SMALL.vocabulary);
    checked(tidemark_run_head(m, h.data(), rows, logits.data(), threads), e,
            format("head of model %ld, %ld rows, %ld threads", m, rows, threads));
  }
  void gold() {
    int64_t m = random_.chance(0.5) ? odd_handle() : model();
    int64_t rows = random_.chance(0.5) ? 3 : std::min<int64_t>(odd(), 3);
    int64_t threads = random_.chance(0.5) ? 2 : odd_threads();
    bool weights = m == model() || m == other_.model->handle.value, outside = false;
    int64_t vocabulary = m == model() ? SMALL.vocabulary : TINY.vocabulary;
    Guarded<float> h(random_.normals(3 * SMALL.hidden, 1));
    Guarded<int64_t> gold(3);
    Guarded<double> logprobs(3);
    for (int i = 0; i < 3; i++) gold[i] = random_.chance(0.1) ? odd() : random_.between(0, TINY.vocabulary - 1);
    for (int i = 0; i < rows; i++) outside |= gold[i] < 0 || gold[i] >= vocabulary;
    Expected e = !weights || rows < 0 || threads < 1 || outside ? REFUSED : rows == 0 ? EITHER : ACCEPTED;
    checked(tidemark_run_gold(m, h.data(), rows, gold.data(), logprobs.data(), threads), e,
            format("gold of model %ld, %ld rows, tokens %ld, %ld and %ld, %ld threads", m, rows, gold[0], gold[1],
                   gold[2], threads));
  }
  // Calls that must be refused, with shorter arrays than any accepted call has.
  void objects() {
    Guarded<float> values(random_.normals(SMALL.hidden, 1));
    float* v = values.data();
    Guarded<int64_t> inputs(std::vector<int64_t>(SMALL.hidden, random_.chance(0.5) ? SMALL.hidden : odd() | 1 << 10));
    auto refused = [&](const char* message, const std::string& call) { checked(message, REFUSED, call); };
    int64_t m = random_.chance(0.5) ? odd_handle() : empty_.handle.value, layer = odd(), module = odd(), n = odd(), out;
    int64_t adapter = random_.chance(0.5) ? odd_handle() : other_adapter_.handle.value, rank = odd();
    refused(tidemark_model_linear(m, layer, module, v, n, random_.chance(0.5) ? n : odd() | 1 << 12, nullptr),
            format("linear %ld of layer %ld with %ld outputs", module, layer, n));
    if (layer >= 0 && layer < SMALL.layers()) layer += SMALL.layers();
    if (rank >= 0 && rank < 1 << 20) rank = -1 - rank;
    refused(tidemark_model_layer(m, layer, v, v, nullptr, v, v), format("layer %ld", layer));
    refused(tidemark_model_head(m, inputs.data(), v, inputs.data(), v), format("head with inputs %ld", inputs[0]));
    refused(tidemark_adapter_lora(adapter, 0, 0, rank, v, v, nullptr, nullptr), format("rank %ld", rank));
    refused(tidemark_adapter_lora(adapter, layer, 0, 0, v, v, nullptr, nullptr), format("LoRA of layer %ld", layer));
    refused(tidemark_adapter_norms(adapter, layer, nullptr, nullptr, nullptr), format("norms of layer %ld", layer));
    m = random_.chance(0.5) ? closed_ : odd() | 1LL << 40;
    refused(tidemark_close(m), format("close of %ld", m));
    Segment s{empty_block_.handle.value, 0, 0, 1, 0, 0};
    refused(tidemark_run_layers(empty_.handle.value, v, 1, &s.block, 1, 0, 1, 1), "a layer without weights");
    m = odd_handle();
    Guarded<int64_t> shape(TIDEMARK_SHAPE_FIELDS);
    bool exists = m != closed_ && std::count(handles_.begin() + 2, handles_.end(), m);
    if (checked(tidemark_shape(m, shape.data()), exists ? ACCEPTED : REFUSED, format("shape of %ld", m)) &&
        shape[TIDEMARK_SHAPE_HIDDEN] != SMALL.hidden && shape[TIDEMARK_SHAPE_HIDDEN] != TINY.hidden)
      fail(format("the shape of %ld has %ld hidden", m, shape[TIDEMARK_SHAPE_HIDDEN]));
    if (is_model(m)) return;
    refused(tidemark_kv_width(m, &out), format("width of %ld", m));
    refused(tidemark_adapter_new(m, &out), format("adapter of %ld", m));
    refused(tidemark_adapter_bytes(closed_, &out), "adapter bytes of a closed object");
  }
  void block() {
    Guarded<int64_t> addresses(std::vector<int64_t>(SMALL.layers(), reinterpret_cast<int64_t>(addresses_of_nothing_)));
    int64_t m = random_.chance(0.3) ? odd_handle() : model(), sizes[] = {2, 128, 64}, out;
    for (int i = random_.between(0, 2); i > 0; i--) sizes[random_.next() % 3] = odd();
    bool wrong = !is_model(m) || sizes[0] < 1, huge = false;
    for (int64_t n : sizes) huge |= n > 1000;
    for (int i : {1, 2}) wrong |= sizes[i] < 64 || sizes[i] % 64;
    if (checked(tidemark_block_new(m, addresses.data(), sizes[0], sizes[1], sizes[2], &out),
                wrong ? REFUSED : huge ? EITHER : ACCEPTED,
                format("block of %ld, %ld slots, capacities %ld and %ld", m, sizes[0], sizes[1], sizes[2]))) {
      checked(tidemark_close(out), ACCEPTED, "close of a block");
      checked(tidemark_close(out), REFUSED, "close of a closed block");
    }
  }
  alignas(64) char addresses_of_nothing_[64] = {};  // blocks that no plan uses
  void shape() {
    std::vector<int64_t> fields = Model::shape_fields(SMALL, family_);
    int field = random_.between(0, TIDEMARK_SHAPE_FIELDS - 1);
    int64_t v = odd(), good = fields[field], out;
    // these describe arrays, which must be as long, or longer than any memory
    bool array = field == TIDEMARK_SHAPE_LAYERS || field == TIDEMARK_SHAPE_HEAD_DIM;
    if (array && v > good && v < 1LL << 60) v = 1LL << 60;
    fields[field] = v;
    Expected e = v == good ? ACCEPTED : v < 1 || v > 1LL << 40 ? REFUSED : EITHER;
    if (field == TIDEMARK_SHAPE_FAMILY) e = v < 0 || v > tidemark_best_family() ? REFUSED : ACCEPTED;
    if (field == TIDEMARK_SHAPE_HEAD_DIM && v % 2) e = REFUSED;
    if (field == TIDEMARK_SHAPE_KV_HEADS && v > 0 && SMALL.heads % v) e = REFUSED;
    for (int f : {TIDEMARK_SHAPE_SMALL_INPUTS, TIDEMARK_SHAPE_LARGE_INPUTS, TIDEMARK_SHAPE_HIDDEN})
      if (field == f && v != good) e = REFUSED;
    Guarded<int64_t> arguments(fields), windows(SMALL.windows);
    Guarded<float> frequencies(scene_.data.inverse_frequencies);
    if (checked(tidemark_model_new(arguments.data(), windows.data(), frequencies.data(), 1, EPSILON, &out), e,
                format("shape with field %d = %ld", field, v)))
      checked(tidemark_close(out), ACCEPTED, "close of a model");
  }
};
