//go:build !unix

package bus

import (
	"errors"
	"fmt"
	"os"
)

// lockDir refuses: without a lock two processes could write to one folder. A remote server works everywhere.
func lockDir(dir string) (*os.File, error) {
	return nil, fmt.Errorf("lock %s: %w", dir, errors.ErrUnsupported)
}

// InUse tells whether a bus has the folder open. It is not known here.
func InUse(string) bool { return false }
