//go:build !linux && !darwin

package bus

// Free is how many bytes are free on the disk of the embedded server; it is not known on this system.
func (b *Bus) Free() (bytes uint64, known bool, err error) { return 0, false, nil }
