#include <string_view>

#include "slipway/importers/torch/nn_modules.hpp"

// Losses in the Python subset: some networks answer with theirs (a codebook's, a divergence), most only keep one in __init__, whose weights of
// classes are then among those of the file.
namespace slipway::importers::torch {

std::string_view nn_losses_text() {
  static constexpr std::string_view kText = R"py(
def _reduced(loss, reduction):
    if reduction == 'none':
        return loss
    return loss.sum() if reduction == 'sum' else loss.mean()

def _mse_loss(input, target, size_average=None, reduce=None, reduction='mean', weight=None):
    return _reduced((input - target) ** 2, reduction)

def _l1_loss(input, target, size_average=None, reduce=None, reduction='mean', weight=None):
    return _reduced((input - target).abs(), reduction)

def _smooth_l1_loss(input, target, size_average=None, reduce=None, reduction='mean', beta=1.0):
    if beta == 0:
        return _l1_loss(input, target, reduction=reduction)
    distance = (input - target).abs()
    return _reduced(torch.where(distance < beta, 0.5 * distance ** 2 / beta, distance - 0.5 * beta), reduction)

def _huber_loss(input, target, reduction='mean', delta=1.0, weight=None):
    distance = (input - target).abs()
    return _reduced(torch.where(distance <= delta, 0.5 * distance ** 2, delta * (distance - 0.5 * delta)), reduction)

def _binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction='mean'):
    loss = -(target * input.log().clamp(min=-100.0) + (1 - target) * (1 - input).log().clamp(min=-100.0))
    return _reduced(loss if weight is None else loss * weight, reduction)

def _binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction='mean', pos_weight=None):
    positive = target * F.softplus(-input)
    if pos_weight is not None:
        positive = positive * pos_weight
    loss = positive + (1 - target) * F.softplus(input)
    return _reduced(loss if weight is None else loss * weight, reduction)

def _kl_div(input, target, size_average=None, reduce=None, reduction='mean', log_target=False):
    loss = target.exp() * (target - input) if log_target else target * (target.clamp(min=1e-38).log() - input)
    return loss.sum() / input.size(0) if reduction == 'batchmean' else _reduced(loss, reduction)

def _nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean'):
    counted = (target != ignore_index).float()
    at = torch.where(target == ignore_index, torch.zeros_like(target), target)
    if weight is not None:
        counted = counted * weight[at]
    loss = -input.gather(1, at.unsqueeze(1)).squeeze(1) * counted
    return loss.sum() / counted.sum() if reduction == 'mean' else _reduced(loss, reduction)

def _cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', label_smoothing=0.0):
    if label_smoothing != 0:
        raise NotImplementedError("cross_entropy with label_smoothing")
    if input.shape == target.shape and target.is_floating_point():
        loss = -(F.log_softmax(input, 1) * target).sum(1)
        return _reduced(loss, reduction)
    return _nll_loss(F.log_softmax(input, 1), target, weight, ignore_index=ignore_index, reduction=reduction)

class _Loss(Module):
    def _keep(self, name, value):
        if value is not None:
            self.register_buffer(name, value if torch.is_tensor(value) else _random(_lazy_size()))
        else:
            setattr(self, name, None)

class MSELoss(_Loss):
    def __init__(self, size_average=None, reduce=None, reduction='mean'):
        self.reduction = reduction
    def forward(self, input, target):
        return _mse_loss(input, target, reduction=self.reduction)

class L1Loss(MSELoss):
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

class BCELoss(_Loss):
    def __init__(self, weight=None, size_average=None, reduce=None, reduction='mean'):
        self.reduction = reduction
        self._keep('weight', weight)
    def forward(self, input, target):
        return _binary_cross_entropy(input, target, self.weight, reduction=self.reduction)

class BCEWithLogitsLoss(_Loss):
    def __init__(self, weight=None, size_average=None, reduce=None, reduction='mean', pos_weight=None):
        self.reduction = reduction
        self._keep('weight', weight)
        self._keep('pos_weight', pos_weight)
    def forward(self, input, target):
        return _binary_cross_entropy_with_logits(input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight)

class KLDivLoss(_Loss):
    def __init__(self, size_average=None, reduce=None, reduction='mean', log_target=False):
        self.reduction = reduction
        self.log_target = log_target
    def forward(self, input, target):
        return _kl_div(input, target, reduction=self.reduction, log_target=self.log_target)

class NLLLoss(_Loss):
    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean'):
        self.reduction = reduction
        self.ignore_index = ignore_index
        self._keep('weight', weight)
    def forward(self, input, target):
        return _nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)

class CrossEntropyLoss(_Loss):
    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', label_smoothing=0.0):
        self.reduction = reduction
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self._keep('weight', weight)
    def forward(self, input, target):
        return _cross_entropy(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction, label_smoothing=self.label_smoothing)

class MultiMarginLoss(_Loss):
    def __init__(self, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction='mean'):
        self._keep('weight', weight)

class MultiLabelSoftMarginLoss(_Loss):
    def __init__(self, weight=None, size_average=None, reduce=None, reduction='mean'):
        self._keep('weight', weight)
)py";
  return kText;
}

}  // namespace slipway::importers::torch
