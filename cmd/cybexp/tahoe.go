package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/tahoe"
)

// maxSpec bounds a line of instance descriptions.
const maxSpec = 16 << 20

func (a *app) tahoeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "tahoe", Short: "Compute TAHOE hashes", GroupID: "tool"}
	cmd.AddCommand(&cobra.Command{
		Use:     "hash [FILE|-]",
		Short:   "Print the hash and the canonical text of each described instance",
		Long:    `Each line of input describes an instance as {"kind":…, "input":…}. Each line of output is its hash, a space, and the canonical text of its data.`,
		Example: `  echo '{"kind":"attribute","input":{"sub_type":"ipv4","data":"1.1.1.1","type":"str","text":"1.1.1.1"}}' | cybexp tahoe hash`,
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.tahoeHash(args) },
	})
	return cmd
}

func (a *app) tahoeHash(args []string) error {
	in, err := a.openArg(args)
	if err != nil {
		return err
	}
	defer in.Close()
	out := bufio.NewWriter(a.stdout)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxSpec)
	var specs tahoe.Specs
	bad := 0
	n := 0
	for lines.Scan() {
		n++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		spec, err := specs.Hash(line)
		if err != nil {
			bad++
			fmt.Fprintf(a.stderr, "line %d: %s\n", n, err)
			continue
		}
		fmt.Fprintf(out, "%s %s\n", spec.Hash, spec.Canonical)
	}
	if err := errors.Join(lines.Err(), out.Flush()); err != nil {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	if bad > 0 {
		return fmt.Errorf("%d %s could not be hashed", bad, plural(uint64(bad), "line"))
	}
	return nil
}
