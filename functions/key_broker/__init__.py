"""The function `key-broker`: hands out the providers' keys to sidecars, sealed on the way."""
