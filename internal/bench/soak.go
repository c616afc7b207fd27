package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cybexp/cybexp/internal/benchgraph"
)

// soakStep is how often a soak uploads.
const soakStep = 5 * time.Second

// soak uploads at a steady rate to a platform of its own, and tells now and then how large Dgraph's alpha and its files are.
func soak(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "cybexp-soak-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p, err := start(ctx, filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	alpha, err := childOf(p.cmd.Process.Pid, "alpha")
	if err != nil {
		return err
	}
	if _, err := p.run(ctx, "org", "create", "bench"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.soak)
	defer cancel()
	fmt.Println("minutes  records  alpha-MiB  p-MiB  w-MiB")
	begun, told, sent := time.Now(), time.Now(), 0
	tick := time.NewTicker(soakStep)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return tellSoak(p, alpha, begun, sent)
		case <-tick.C:
		}
		due := int(time.Since(begun).Seconds()*float64(o.rate)) - sent
		if err := p.upload(ctx, filepath.Join(dir, "log.json"), sent, due); err != nil && ctx.Err() == nil {
			return err
		}
		sent += due
		if time.Since(told) >= o.every {
			told = time.Now()
			if err := tellSoak(p, alpha, begun, sent); err != nil {
				return err
			}
		}
	}
}

// upload sends n records more and waits until they are in the graph.
func (p *platform) upload(ctx context.Context, path string, first, n int) error {
	if err := writeLog(path, first, n); err != nil {
		return err
	}
	_, err := p.run(ctx, "send", path, "--typetag", "cowrie", "--org", "bench", "--follow")
	return err
}

func tellSoak(p *platform, alpha int, begun time.Time, sent int) error {
	resident, err1 := benchgraph.Resident(alpha)
	posting, err2 := benchgraph.DiskUse(filepath.Join(p.data, "dgraph", "p"))
	wal, err3 := benchgraph.DiskUse(filepath.Join(p.data, "dgraph", "w"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	fmt.Printf("%7.1f  %7d  %9d  %5d  %5d\n", time.Since(begun).Minutes(), sent, resident>>20, posting>>20, wal>>20)
	return nil
}

// childOf finds the process of a Dgraph role among the children of one.
func childOf(parent int, role string) (int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range stats {
		stat, err1 := os.ReadFile(path)
		cmdline, err2 := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err1 != nil || err2 != nil {
			continue // it has ended meanwhile
		}
		// pid (name) state parent …, and the name may hold anything
		words := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		args := strings.Split(string(cmdline), "\x00")
		if len(words) > 1 && words[1] == strconv.Itoa(parent) && len(args) > 1 && args[1] == role {
			return strconv.Atoi(filepath.Base(filepath.Dir(path)))
		}
	}
	return 0, fmt.Errorf("process %d has no child %s", parent, role)
}
