package pebblestore

// Space is what a store knows of its disk.
type Space struct {
	// Full says that appends are refused, with queue.ErrStoreFull.
	Full bool
	// Free is how many bytes are free, and Known whether the file system tells; a store in memory has none that would.
	Free  uint64
	Known bool
	// Least is how many bytes must be free for appends to be accepted, 0 for any.
	Least uint64
}

// Space asks the disk, so that a full store is known to have space again before somebody sends.
func (s *Store) Space() Space {
	d := &s.space
	free, known := d.free()
	least := uint64(max(d.opts.MinFreeBytes, 0))
	full := known && free < least
	d.full.Store(full)
	return Space{Full: full, Free: free, Known: known, Least: least}
}
