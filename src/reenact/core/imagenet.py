"""What networks of ImageNet expect of a picture: (RGB in [0, 1] - MEAN) / DEVIATION. Source: the training set's own, as
torchvision and timm publish them with their weights."""

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
