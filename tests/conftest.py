from hypothesis import settings

# A shared machine's hiccup is no failure.
settings.register_profile("house", deadline=None)
settings.load_profile("house")
