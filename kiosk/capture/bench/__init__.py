"""What MRZ readers are judged on: seeded frames with truth, directories of images, and the measure."""
