"""Readers and writers of scans, images and labels, atomic files and digests."""
