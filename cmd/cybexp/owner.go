package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// checkOwner refuses to let root write to the data folder of a platform that runs as somebody else, who could not read what root leaves there: a
// key, or a file of the database. A folder without a platform is to be one of its owner's.
func checkOwner(data string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(filepath.Join(data, "keys"))
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Stat(data)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look who has the data folder: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 {
		return nil
	}
	owner := strconv.FormatUint(uint64(st.Uid), 10)
	who := "#" + owner // as sudo takes a number
	if u, err := user.LookupId(owner); err == nil {
		who = u.Username
	}
	return fmt.Errorf("%s belongs to %s, who could not read what root writes there: run the same as them, sudo -u '%s' cybexp …", data, who, who)
}
