package dgraphd

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
)

// AutoOffset lets Start choose free ports.
const AutoOffset = -1

// maxOffset keeps every port below 65536.
const maxOffset = 65535 - alphaGRPC

// Config says which Dgraph to run, and where.
type Config struct {
	Bin       string // the dgraph program
	Dir       string // data folder, made when absent; holds everything including the logs
	Offset    int    // added to Dgraph's own ports (0 is what Ratel expects), or AutoOffset
	MemoryMiB int    // what the alpha, or the bulk loader, aims to stay under; DefaultConfig's when 0
	// Sync puts every write on the disk before it is acknowledged, so that it outlives a power failure too. Without, it outlives
	// the death of every process, and writing is about a third faster.
	Sync   bool
	Logger *slog.Logger
}

// DefaultConfig is a Dgraph for one machine that it shares with others, on free ports, with a quarter of its memory.
func DefaultConfig() Config {
	return Config{Bin: "bin/dgraph", Dir: "data/dgraph", Offset: AutoOffset, MemoryMiB: memoryShare(memoryLimit())}
}

func (c Config) memory() int { return cmp.Or(c.MemoryMiB, DefaultConfig().MemoryMiB) }

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	if c.Dir == "" {
		return errors.New("dgraph data folder is not set")
	}
	if c.Offset != AutoOffset && (c.Offset < 0 || c.Offset > maxOffset) {
		return fmt.Errorf("dgraph port offset %d is not between 0 and %d", c.Offset, maxOffset)
	}
	if c.MemoryMiB < 0 || c.MemoryMiB > 0 && c.MemoryMiB < 300 {
		return fmt.Errorf("dgraph memory of %d MiB is less than 300", c.MemoryMiB)
	}
	info, err := os.Stat(c.Bin)
	if err != nil {
		return fmt.Errorf("dgraph program: %w (`make build` builds it)", err)
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("dgraph program %s is not an executable file", c.Bin)
	}
	return nil
}
