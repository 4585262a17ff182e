#include <string_view>

#include "slipway/importers/torch/nn_modules.hpp"

// Losses in the Python subset: a forward that gives its loss beside its answer (a VAE, vector quantisation) calculates with them.
namespace slipway::importers::torch {

std::string_view nn_losses_text() {
  static constexpr std::string_view kText = R"py(
def _reduced(loss, reduction):
    if reduction == 'mean':
        return loss.mean()
    if reduction == 'sum':
        return loss.sum()
    return loss

def _weighted(loss, weight):
    return loss * weight if isinstance(weight, torch.Tensor) else loss

def _mse_loss(input, target, size_average=None, reduce=None, reduction='mean', weight=None):
    return _reduced(_weighted((input - target) ** 2, weight), reduction)

def _l1_loss(input, target, size_average=None, reduce=None, reduction='mean', weight=None):
    return _reduced(_weighted(torch.abs(input - target), weight), reduction)

def _smooth_l1_loss(input, target, size_average=None, reduce=None, reduction='mean', beta=1.0):
    if beta == 0:
        return _l1_loss(input, target, reduction=reduction)
    d = torch.abs(input - target)
    return _reduced(torch.where(d < beta, 0.5 * d * d / beta, d - 0.5 * beta), reduction)

def _huber_loss(input, target, reduction='mean', delta=1.0, weight=None):
    d = torch.abs(input - target)
    return _reduced(_weighted(torch.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta)), weight), reduction)

def _nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean'):
    classes = 1 if input.dim() > 1 else 0
    kept = (target != ignore_index)
    at = torch.where(kept, target, torch.zeros_like(target))
    picked = -input.gather(classes, at.unsqueeze(classes)).squeeze(classes)
    each = kept.to(input.dtype)
    if isinstance(weight, torch.Tensor):
        each = each * weight[at]
    picked = picked * each
    if reduction == 'mean':
        return picked.sum() / each.sum()
    return _reduced(picked, reduction)

def _cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', label_smoothing=0.0):
    classes = 1 if input.dim() > 1 else 0
    logs = F.log_softmax(input, classes)
    if label_smoothing != 0 and (target.dim() == input.dim() or isinstance(weight, torch.Tensor)):
        raise NotImplementedError('label_smoothing of weighted classes or of probabilities')
    if target.dim() < input.dim():
        loss = _nll_loss(logs, target, weight, None, ignore_index, None, reduction)
        if label_smoothing != 0:
            kept = (target != ignore_index).to(input.dtype)
            even = -logs.mean(classes) * kept
            even = even.sum() / kept.sum() if reduction == 'mean' else _reduced(even, reduction)
            loss = (1 - label_smoothing) * loss + label_smoothing * even
        return loss
    if isinstance(weight, torch.Tensor):
        raise NotImplementedError('weight of classes for probabilities')
    loss = -(target * logs).sum(classes)
    return _reduced(loss, reduction)

def _binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction='mean'):
    loss = -(target * torch.log(input).clamp(min=-100.0) + (1 - target) * torch.log(1 - input).clamp(min=-100.0))
    return _reduced(_weighted(loss, weight), reduction)

def _binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction='mean', pos_weight=None):
    tail = torch.log1p(torch.exp(-torch.abs(input))) + torch.clamp(-input, min=0)
    if isinstance(pos_weight, torch.Tensor):
        tail = tail * (1 + (pos_weight - 1) * target)
    return _reduced(_weighted((1 - target) * input + tail, weight), reduction)

def _kl_div(input, target, size_average=None, reduce=None, reduction='mean', log_target=False):
    if log_target:
        loss = torch.exp(target) * (target - input)
    else:
        logs = torch.log(torch.where(target > 0, target, torch.ones_like(target)))
        loss = target * logs - target * input
    if reduction == 'batchmean':
        return loss.sum() / input.size(0)
    return _reduced(loss, reduction)

def _cosine_embedding_loss(input1, input2, target, margin=0.0, size_average=None, reduce=None, reduction='mean'):
    cosine = F.cosine_similarity(input1, input2, 1)
    return _reduced(torch.where(target > 0, 1 - cosine, torch.clamp(cosine - margin, min=0)), reduction)

def _margin_ranking_loss(input1, input2, target, margin=0.0, size_average=None, reduce=None, reduction='mean'):
    return _reduced(torch.clamp(-target * (input1 - input2) + margin, min=0), reduction)

def _hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction='mean'):
    return _reduced(torch.where(target > 0, input, torch.clamp(margin - input, min=0)), reduction)

def _soft_margin_loss(input, target, size_average=None, reduce=None, reduction='mean'):
    return _reduced(torch.log1p(torch.exp(-target * input)), reduction)

def _gaussian_nll_loss(input, target, var, full=False, eps=1e-06, reduction='mean'):
    kept = torch.clamp(var, min=eps)
    loss = 0.5 * (torch.log(kept) + (input - target) ** 2 / kept)
    return _reduced(loss + 0.9189385332046727 if full else loss, reduction)

def _poisson_nll_loss(input, target, log_input=True, full=False, size_average=None, eps=1e-08, reduce=None, reduction='mean'):
    if full:
        raise NotImplementedError('full')
    loss = torch.exp(input) - target * input if log_input else input - target * torch.log(input + eps)
    return _reduced(loss, reduction)

def _triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2, eps=1e-06, swap=False, size_average=None, reduce=None, reduction='mean'):
    near = F.pairwise_distance(anchor, positive, p, eps)
    far = F.pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = torch.minimum(far, F.pairwise_distance(positive, negative, p, eps))
    return _reduced(torch.clamp(near - far + margin, min=0), reduction)

class _Loss(Module):
    def _keep(self, name, tensor):
        if isinstance(tensor, torch.Tensor):
            self.register_buffer(name, tensor)
        elif tensor is not None:
            self.register_buffer(name, _random(_lazy_size()))
        else:
            setattr(self, name, None)

class MSELoss(_Loss):
    def __init__(self, size_average=None, reduce=None, reduction='mean'):
        self.reduction = reduction
    def forward(self, input, target):
        return _mse_loss(input, target, reduction=self.reduction)

class L1Loss(_Loss):
    def __init__(self, size_average=None, reduce=None, reduction='mean'):
        self.reduction = reduction
    def forward(self, input, target):
        return _l1_loss(input, target, reduction=self.reduction)

class SmoothL1Loss(_Loss):
    def __init__(self, size_average=None, reduce=None, reduction='mean', beta=1.0):
        self.reduction = reduction
        self.beta = beta
    def forward(self, input, target):
        return _smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)

class HuberLoss(_Loss):
    def __init__(self, reduction='mean', delta=1.0):
        self.reduction = reduction
        self.delta = delta
    def forward(self, input, target):
        return _huber_loss(input, target, self.reduction, self.delta)

class NLLLoss(_Loss):
    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean'):
        self._keep('weight', weight)
        self.ignore_index = ignore_index
        self.reduction = reduction
    def forward(self, input, target):
        return _nll_loss(input, target, self.weight, None, self.ignore_index, None, self.reduction)

class CrossEntropyLoss(_Loss):
    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', label_smoothing=0.0):
        self._keep('weight', weight)
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.label_smoothing = label_smoothing
    def forward(self, input, target):
        return _cross_entropy(input, target, self.weight, None, self.ignore_index, None, self.reduction, self.label_smoothing)

class BCELoss(_Loss):
    def __init__(self, weight=None, size_average=None, reduce=None, reduction='mean'):
        self._keep('weight', weight)
        self.reduction = reduction
    def forward(self, input, target):
        return _binary_cross_entropy(input, target, self.weight, reduction=self.reduction)

class BCEWithLogitsLoss(_Loss):
    def __init__(self, weight=None, size_average=None, reduce=None, reduction='mean', pos_weight=None):
        self._keep('weight', weight)
        self._keep('pos_weight', pos_weight)
        self.reduction = reduction
    def forward(self, input, target):
        return _binary_cross_entropy_with_logits(input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight)

class KLDivLoss(_Loss):
    def __init__(self, size_average=None, reduce=None, reduction='mean', log_target=False):
        self.reduction = reduction
        self.log_target = log_target
    def forward(self, input, target):
        return _kl_div(input, target, reduction=self.reduction, log_target=self.log_target)

class CosineEmbeddingLoss(_Loss):
    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction='mean'):
        self.margin = margin
        self.reduction = reduction
    def forward(self, input1, input2, target):
        return _cosine_embedding_loss(input1, input2, target, self.margin, reduction=self.reduction)

class MarginRankingLoss(_Loss):
    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction='mean'):
        self.margin = margin
        self.reduction = reduction
    def forward(self, input1, input2, target):
        return _margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)

class HingeEmbeddingLoss(_Loss):
    def __init__(self, margin=1.0, size_average=None, reduce=None, reduction='mean'):
        self.margin = margin
        self.reduction = reduction
    def forward(self, input, target):
        return _hinge_embedding_loss(input, target, self.margin, reduction=self.reduction)

class GaussianNLLLoss(_Loss):
    def __init__(self, full=False, eps=1e-06, reduction='mean'):
        self.full = full
        self.eps = eps
        self.reduction = reduction
    def forward(self, input, target, var):
        return _gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)

class PoissonNLLLoss(_Loss):
    def __init__(self, log_input=True, full=False, size_average=None, eps=1e-08, reduce=None, reduction='mean'):
        self.log_input = log_input
        self.full = full
        self.eps = eps
        self.reduction = reduction
    def forward(self, input, target):
        return _poisson_nll_loss(input, target, self.log_input, self.full, None, self.eps, None, self.reduction)

class TripletMarginLoss(_Loss):
    def __init__(self, margin=1.0, p=2.0, eps=1e-06, swap=False, size_average=None, reduce=None, reduction='mean'):
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap
        self.reduction = reduction
    def forward(self, anchor, positive, negative):
        return _triplet_margin_loss(anchor, positive, negative, self.margin, self.p, self.eps, self.swap, reduction=self.reduction)
)py";
  return kText;
}

}  // namespace slipway::importers::torch
