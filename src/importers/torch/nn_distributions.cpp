#include <string_view>

#include "slipway/importers/torch/nn_modules.hpp"

// torch.distributions in the Python subset: what is certain of a distribution (its mean, its density, its entropy). A sample is another one with
// every answer and is refused. Classes have an underscore in front of their name.
namespace slipway::importers::torch {

std::string_view nn_distributions_text() {
  static constexpr std::string_view kText = R"py(
def _as_parameter(value):
    return value if isinstance(value, torch.Tensor) else torch.tensor(float(value))

class _Distribution:
    def sample(self, *sizes):
        raise NotImplementedError('a sample of a distribution is random in every answer')
    def rsample(self, *sizes):
        raise NotImplementedError('a sample of a distribution is random in every answer')
    def sample_n(self, *sizes):
        raise NotImplementedError('a sample of a distribution is random in every answer')

class _Normal(_Distribution):
    def __init__(self, loc, scale, validate_args=None):
        both = _as_parameter(loc) + torch.zeros_like(_as_parameter(scale))
        self.loc = both
        self.scale = _as_parameter(scale) + torch.zeros_like(both)
    @property
    def mean(self):
        return self.loc
    @property
    def mode(self):
        return self.loc
    @property
    def stddev(self):
        return self.scale
    @property
    def variance(self):
        return self.scale ** 2
    def log_prob(self, value):
        return -((value - self.loc) ** 2) / (2 * self.scale ** 2) - torch.log(self.scale) - 0.9189385332046727
    def entropy(self):
        return 1.4189385332046727 + torch.log(self.scale)
    def cdf(self, value):
        return 0.5 * (1 + torch.erf((value - self.loc) / self.scale / 1.4142135623730951))

class _LogNormal(_Distribution):
    def __init__(self, loc, scale, validate_args=None):
        self.base_dist = _Normal(loc, scale)
        self.loc = self.base_dist.loc
        self.scale = self.base_dist.scale
    @property
    def mean(self):
        return torch.exp(self.loc + self.scale ** 2 / 2)
    @property
    def mode(self):
        return torch.exp(self.loc - self.scale ** 2)
    def log_prob(self, value):
        return self.base_dist.log_prob(torch.log(value)) - torch.log(value)

class _Laplace(_Distribution):
    def __init__(self, loc, scale, validate_args=None):
        self.loc = _as_parameter(loc)
        self.scale = _as_parameter(scale)
    @property
    def mean(self):
        return self.loc
    @property
    def mode(self):
        return self.loc
    def log_prob(self, value):
        return -torch.log(2 * self.scale) - torch.abs(value - self.loc) / self.scale
    def entropy(self):
        return 1 + torch.log(2 * self.scale)

class _Categorical(_Distribution):
    def __init__(self, probs=None, logits=None, validate_args=None):
        if probs is not None:
            self.probs = probs / probs.sum(-1, keepdim=True)
            self.logits = torch.log(self.probs.clamp(1.1920928955078125e-07, 1 - 1.1920928955078125e-07))
        else:
            self.logits = F.log_softmax(logits, -1)
            self.probs = F.softmax(logits, -1)
    @property
    def mode(self):
        return self.probs.argmax(-1)
    def log_prob(self, value):
        return self.logits.gather(-1, value.long().unsqueeze(-1)).squeeze(-1)
    def entropy(self):
        return -(self.logits * self.probs).sum(-1)

class _OneHotCategorical(_Categorical):
    @property
    def mean(self):
        return self.probs
    @property
    def mode(self):
        return F.one_hot(self.probs.argmax(-1), self.probs.size(-1)).to(self.probs.dtype)

class _Bernoulli(_Distribution):
    def __init__(self, probs=None, logits=None, validate_args=None):
        if probs is not None:
            self.probs = _as_parameter(probs)
            kept = self.probs.clamp(1.1920928955078125e-07, 1 - 1.1920928955078125e-07)
            self.logits = torch.log(kept) - torch.log1p(-kept)
        else:
            self.logits = logits
            self.probs = torch.sigmoid(logits)
    @property
    def mean(self):
        return self.probs
    @property
    def mode(self):
        return (self.probs >= 0.5).to(self.probs.dtype)
    @property
    def variance(self):
        return self.probs * (1 - self.probs)
    def log_prob(self, value):
        return -_binary_cross_entropy_with_logits(self.logits, value, reduction='none')
    def entropy(self):
        return _binary_cross_entropy_with_logits(self.logits, self.probs, reduction='none')

class _Beta(_Distribution):
    def __init__(self, concentration1, concentration0, validate_args=None):
        self.concentration1 = concentration1
        self.concentration0 = concentration0
    @property
    def mean(self):
        return self.concentration1 / (self.concentration1 + self.concentration0)
    @property
    def mode(self):
        return (self.concentration1 - 1) / (self.concentration1 + self.concentration0 - 2)

class _MultivariateNormal(_Distribution):
    def __init__(self, loc, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        self.loc = loc
        self.covariance_matrix = covariance_matrix
    @property
    def mean(self):
        return self.loc
    @property
    def mode(self):
        return self.loc

class _Independent(_Distribution):
    def __init__(self, base_distribution, reinterpreted_batch_ndims, validate_args=None):
        self.base_dist = base_distribution
        self.dims = [-1 - i for i in range(reinterpreted_batch_ndims)]
    @property
    def mean(self):
        return self.base_dist.mean
    @property
    def mode(self):
        return self.base_dist.mode
    @property
    def variance(self):
        return self.base_dist.variance
    @property
    def stddev(self):
        return self.base_dist.stddev
    def log_prob(self, value):
        return self.base_dist.log_prob(value).sum(self.dims)
    def entropy(self):
        return self.base_dist.entropy().sum(self.dims)

def _kl_divergence(p, q):
    if isinstance(p, _Normal) and isinstance(q, _Normal):
        ratio = (p.scale / q.scale) ** 2
        return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - torch.log(ratio))
    if isinstance(p, _Categorical) and isinstance(q, _Categorical):
        return (p.probs * (p.logits - q.logits)).sum(-1)
    if isinstance(p, _Independent) and isinstance(q, _Independent):
        return _kl_divergence(p.base_dist, q.base_dist).sum(p.dims)
    raise NotImplementedError('kl_divergence of these distributions')
)py";
  return kText;
}

}  // namespace slipway::importers::torch
