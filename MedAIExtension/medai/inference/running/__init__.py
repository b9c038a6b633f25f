"""What all networks share when they run: device, batches, letterbox, flips, planes, regions."""
