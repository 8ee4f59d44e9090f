// Sequences that join and leave at random, and what each of their rows has to be.
#pragma once
#include <algorithm>

#include "fixture.h"

// The input of a sequence and what it becomes alone, one token at a time, with one thread.
struct Text {
  int adapter;
  int64_t boundary;
  int length;
  std::vector<float> x, states, logits;
  int64_t gold;  // a token, and its log-probability at each position
  std::vector<double> logprobs;
};

constexpr int CAPACITY = 192, RING = 64;

class Scene {
 public:
  const ModelData data;
  const int family;
  std::unique_ptr<Model> model;
  std::vector<AdapterData> adapters;
  std::vector<Text> texts;

  Scene(const Shape& shape, int family, Random random, int count, int longest)
      : data(shape, random), family(family), model(std::make_unique<Model>(data, family)) {
    adapters.emplace_back(data, std::vector<int>{1, 16, 24}, false, false, random);
    adapters.emplace_back(data, std::vector<int>{-1, 0, 5}, true, true, random);
    adapters.emplace_back(data, std::vector<int>{16, 64}, false, false, random);
    std::vector<std::unique_ptr<Adapter>> opened;
    for (const AdapterData& a : adapters) opened.push_back(std::make_unique<Adapter>(*model, a));
    Block block(*model, 1, CAPACITY, RING);
    for (int t = 0; t < count; t++) {
      int hidden = shape.hidden, vocabulary = shape.vocabulary;
      Text text{t % 4 - 1, random.between(0, shape.layers()), static_cast<int>(random.between(1, longest)), {}, {}, {},
                random.between(0, vocabulary - 1), {}};
      if (t % 4 == 0) text.length = longest;
      text.x = random.normals(text.length * hidden, 0.3);
      text.states = text.x, text.logits.resize(text.length * vocabulary), text.logprobs.resize(text.length);
      for (int p = 0; p < text.length; p++) {
        float* x = &text.states[p * hidden];
        int64_t adapter = text.adapter < 0 ? 0 : opened[text.adapter]->handle.value;
        Segment s{block.handle.value, 0, p, 1, adapter, text.boundary};
        require(tidemark_run_layers(model->handle.value, x, 1, &s.block, 1, 0, shape.layers(), 1));
        require(tidemark_run_head(model->handle.value, x, 1, &text.logits[p * vocabulary], 1));
        require(tidemark_run_gold(model->handle.value, x, 1, &text.gold, &text.logprobs[p], 1));
      }
      texts.push_back(std::move(text));
    }
  }
};

template <class T>
static void require_same(const T* got, const T* expected, int count, const std::string& where) {
  if (!memcmp(got, expected, count * sizeof(T))) return;
  int i = 0;
  while (!memcmp(got + i, expected + i, sizeof(T))) i++;
  fail(format("%s: element %d is %.9g, not %.9g", where.c_str(), i, got[i], expected[i]));
}

// Steps of sequences that join, grow by any number of tokens, end and are dropped; blocks and adapters that no sequence
// uses are closed and made again. Each row must have the bits that it has alone.
class Traffic {
 public:
  struct Options {
    int threads = 4;          // at most
    bool fixed = false;       // always that number
    double reopen = 0.05;     // probability in each step, of a block and of an adapter
    double reopen_model = 0;
    Block* shared = nullptr;  // a block that others use too, and this traffic's slots of it
    int first_shared = 0, end_shared = 0;
  };
  int64_t steps = 0, rows = 0, opened = 0;

  Traffic(Scene& scene, uint64_t seed, const Options& options)
      : scene_(scene), random_(seed), o_(options), threads_(options.threads), x_(MOST_ROWS * scene.data.shape.hidden),
        logits_(MOST_ROWS * scene.data.shape.vocabulary), plan_(SLOTS * BLOCKS + 64) {
    adapters_.resize(scene.adapters.size());
    open_all();
  }

  void step() {
    join();
    std::vector<Sequence*> chosen = choose();
    const Shape& shape = scene_.data.shape;
    size_t hidden = shape.hidden, layers = shape.layers(), count = 0;
    Segment* plan = plan_.last(chosen.size());
    for (size_t i = 0; i < chosen.size(); i++) {
      const Sequence& s = *chosen[i];
      const Text& text = scene_.texts[s.text];
      int64_t adapter = text.adapter < 0 ? 0 : adapters_[text.adapter]->handle.value;
      plan[i] = {block(s)->handle.value, s.slot, s.position, s.tokens, adapter, text.boundary};
      count += s.tokens;
    }
    float* x = x_.last(count * hidden);
    float* to = x;
    for (Sequence* s : chosen)
      to = std::copy_n(&scene_.texts[s->text].x[s->position * hidden], s->tokens * hidden, to);
    // seldom, because the library ends its threads when their number changes, and then none is late
    if (!o_.fixed && random_.chance(0.05)) threads_ = random_.between(1, o_.threads);
    int threads = threads_;
    int64_t model = scene_.model->handle.value;
    for (size_t first = 0, end; first < layers; first = end) {
      end = random_.chance(0.8) ? layers : random_.between(first + 1, layers);
      require(tidemark_run_layers(model, x, count, &plan->block, chosen.size(), first, end, threads));
    }
    steps++, rows += count;
    check(chosen, x, threads);
    if (random_.chance(0.3)) check_head(chosen, count, threads);
    if (random_.chance(0.3)) check_gold(chosen, count, threads);
    for (Sequence* s : chosen) s->position += s->tokens;
    leave();
  }

 private:
  static constexpr int BLOCKS = 2, SLOTS = 6, MOST_ROWS = 200;
  struct Sequence {
    int text, block, slot, position, tokens;  // tokens: of this step
  };
  Scene& scene_;
  Random random_;
  Options o_;
  int threads_;
  Guarded<float> x_, logits_;
  Guarded<Segment> plan_;
  std::unique_ptr<Block> blocks_[BLOCKS];
  std::vector<std::unique_ptr<Adapter>> adapters_;
  std::vector<Sequence> live_;

  Block* block(const Sequence& s) { return s.block < BLOCKS ? blocks_[s.block].get() : o_.shared; }
  void open_block(int b) {
    blocks_[b] = nullptr;  // before the new one is made
    blocks_[b] = std::make_unique<Block>(*scene_.model, b ? SLOTS : SLOTS - 1, b ? CAPACITY + 64 : CAPACITY, RING);
    opened++;
  }
  void open_adapter(int a) {
    adapters_[a] = nullptr;
    adapters_[a] = std::make_unique<Adapter>(*scene_.model, scene_.adapters[a]);
    opened++;
  }
  void open_all() {
    for (int b = 0; b < BLOCKS; b++) open_block(b);
    for (size_t a = 0; a < adapters_.size(); a++) open_adapter(a);
  }
  void open_model() {
    live_.clear(), adapters_.clear();
    for (auto& b : blocks_) b = nullptr;
    scene_.model = nullptr;
    scene_.model = std::make_unique<Model>(scene_.data, scene_.family);
    adapters_.resize(scene_.adapters.size());
    open_all();
  }
  void join() {
    while (live_.empty() || random_.chance(0.4)) {
      Sequence s{static_cast<int>(random_.next() % scene_.texts.size()), 0, 0, 0, 0};
      s.block = random_.between(0, o_.shared ? BLOCKS : BLOCKS - 1);
      s.slot = s.block < BLOCKS ? random_.between(0, blocks_[s.block]->slots - 1)
                                : random_.between(o_.first_shared, o_.end_shared - 1);
      bool used = false;
      for (const Sequence& other : live_) used |= other.block == s.block && other.slot == s.slot;
      if (!used) live_.push_back(s);
    }
  }
  std::vector<Sequence*> choose() {
    std::vector<Sequence*> chosen;
    bool all = random_.chance(0.5), decode = random_.chance(0.4);
    int room = MOST_ROWS;
    for (Sequence& s : live_) {
      int left = scene_.texts[s.text].length - s.position;  // may be more than a ring
      int most = random_.chance(0.8) ? std::min(left, 40) : left;
      s.tokens = decode || random_.chance(0.5) ? 1 : random_.between(1, most);
      if ((!all && random_.chance(0.5)) || s.tokens > room) continue;
      room -= s.tokens;
      chosen.push_back(&s);
    }
    if (chosen.empty()) chosen.push_back(&live_[0]);
    random_.shuffle(chosen);
    return chosen;
  }
  std::string where(size_t row, int threads, const std::vector<Sequence*>& chosen, const Sequence& s, int position) {
    const Text& text = scene_.texts[s.text];
    return format("step %ld, row %zu of %zu segments, %d threads (text %d, adapter %d, boundary %ld, position %d of a "
                  "segment of %d tokens from %d)",
                  static_cast<long>(steps), row, chosen.size(), threads, s.text, text.adapter,
                  static_cast<long>(text.boundary), position, s.tokens, s.position);
  }
  void check(const std::vector<Sequence*>& chosen, const float* x, int threads) {
    int hidden = scene_.data.shape.hidden;
    size_t row = 0;
    for (Sequence* s : chosen)
      for (int p = s->position; p < s->position + s->tokens; p++, row++)
        require_same(x + row * hidden, &scene_.texts[s->text].states[p * hidden], hidden,
                     where(row, threads, chosen, *s, p));
  }
  void check_head(const std::vector<Sequence*>& chosen, size_t count, int threads) {
    int hidden = scene_.data.shape.hidden, vocabulary = scene_.data.shape.vocabulary;
    float *h = x_.last(count * hidden), *logits = logits_.last(count * vocabulary);
    require(tidemark_run_head(scene_.model->handle.value, h, count, logits, threads));
    size_t row = 0;
    for (Sequence* s : chosen)
      for (int p = s->position; p < s->position + s->tokens; p++, row++)
        require_same(logits + row * vocabulary, &scene_.texts[s->text].logits[p * vocabulary], vocabulary,
                     "logits of " + where(row, threads, chosen, *s, p));
  }
  void check_gold(const std::vector<Sequence*>& chosen, size_t count, int threads) {
    Guarded<int64_t> gold(count);
    Guarded<double> logprobs(count);
    size_t row = 0;
    for (Sequence* s : chosen)
      for (int p = 0; p < s->tokens; p++) gold[row++] = scene_.texts[s->text].gold;
    require(tidemark_run_gold(scene_.model->handle.value, x_.last(count * scene_.data.shape.hidden), count, gold.data(),
                              logprobs.data(), threads));
    row = 0;
    for (Sequence* s : chosen) {
      require_same(&logprobs[row], &scene_.texts[s->text].logprobs[s->position], s->tokens,
                   "log-probabilities of " + where(row, threads, chosen, *s, s->position));
      row += s->tokens;
    }
  }
  // Sequences end; blocks, adapters and the model are closed right after the step, and made again.
  void leave() {
    int emptied = random_.chance(o_.reopen) ? random_.between(0, BLOCKS - 1) : -1;
    live_.erase(std::remove_if(live_.begin(), live_.end(), [&](const Sequence& s) {
      return s.position == scene_.texts[s.text].length || s.block == emptied || random_.chance(0.02);
    }), live_.end());
    if (emptied >= 0) open_block(emptied);
    if (random_.chance(o_.reopen)) open_adapter(random_.between(0, adapters_.size() - 1));
    if (random_.chance(o_.reopen_model)) open_model();
  }
};

static const Shape SMALL = {"small", 52, 6, 2, 16, 75, 41, 7, {-1, 7, -1}, true, true, 1};
static const Shape TINY = {"tiny", 32, 2, 1, 16, 32, 17, 4, {-1, 5}, false, false, 1};
// Linears of several chunks for each thread, and prompts of several tiles.
static const Shape WIDE = {"wide", 320, 8, 2, 64, 704, 1111, 40, {-1, 24}, false, false, 1};

