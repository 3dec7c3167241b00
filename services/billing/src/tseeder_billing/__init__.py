"""Plans and entitlements."""
