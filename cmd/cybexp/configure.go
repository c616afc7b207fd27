package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cybexp/cybexp/tdql"
)

// configPlaces are where a cybexp.yaml is looked for when none is named; the first that is there counts.
var configPlaces = []string{"cybexp.yaml", "/etc/cybexp/cybexp.yaml"}

// envPrefix begins the names of our variables.
const envPrefix = "CYBEXP_"

// origins says where the flags of a command have their values from, by name; one that is not in it has its default.
type origins map[string]string

// configure fills each flag that the command line did not give: from CYBEXP_<FLAG>, or from cybexp.yaml if it is a setting.
func (a *app) configure(cmd *cobra.Command) error {
	a.origins = origins{}
	cmd.Flags().Visit(func(f *pflag.Flag) { a.origins[f.Name] = "--" + f.Name })
	if err := a.fromEnv(cmd); err != nil {
		return usageError{err}
	}
	if cmd.Flags().Lookup(configFlag) == nil {
		return nil
	}
	if err := a.fromFile(cmd); err != nil {
		return usageError{err}
	}
	return nil
}

func (a *app) fromEnv(cmd *cobra.Command) error {
	var errs []error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := envName(f.Name)
		value := os.Getenv(name)
		if f.Changed || value == "" || f.Name == "help" || f.Annotations[givenMark] != nil || strings.HasPrefix(a.origins[other(f)], "--") {
			return
		}
		a.origins[f.Name] = name
		if err := setFlag(f, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		f.Changed = true
	})
	if cmd.Flags().Lookup(configFlag) != nil {
		errs = append(errs, misspelt(cmd.Root(), os.Environ()))
	}
	return errors.Join(errs...)
}

// givenMark, on a flag, says that it is of one call, and no variable's: CYBEXP_ADMIN is the address of a port, and not who administers an organisation.
const givenMark = "cybexp_given"

func onlyGiven(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		flags.Lookup(name).Annotations = map[string][]string{givenMark: {}}
	}
}

// eitherMark, on a flag, names another one that says the same in another way.
const eitherMark = "cybexp_either"

func eitherOf(flags *pflag.FlagSet, one, two string) {
	flags.Lookup(one).Annotations = map[string][]string{eitherMark: {two}}
	flags.Lookup(two).Annotations = map[string][]string{eitherMark: {one}}
}

// other is the flag of which f is another way, or "".
func other(f *pflag.Flag) string {
	return strings.Join(f.Annotations[eitherMark], "")
}

func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// misspelt finds variables that no command knows but that are nearly a setting's. Others with our prefix are let be: Kubernetes sets some
// for a service of our name.
func misspelt(root *cobra.Command, environ []string) error {
	known := map[string]bool{}
	eachCommand(root, func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known[envName(f.Name)] = true })
	})
	names := []string{strings.ToUpper(configFlag)}
	for _, s := range new(settings).table() {
		names = append(names, strings.TrimPrefix(envName(s.Name), envPrefix))
	}
	var errs []error
	for _, one := range environ {
		variable, value, _ := strings.Cut(one, "=")
		name, ours := strings.CutPrefix(variable, envPrefix)
		if !ours || value == "" || known[variable] {
			continue
		}
		if best := tdql.Nearest(name, names); best != "" {
			errs = append(errs, fmt.Errorf("no setting has the variable %s; did you mean %s%s?", variable, envPrefix, best))
		}
	}
	return errors.Join(errs...)
}

func eachCommand(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, c := range cmd.Commands() {
		eachCommand(c, do)
	}
}

// fromFile reads the settings of the command from the file that is named, or else found.
func (a *app) fromFile(cmd *cobra.Command) error {
	path, err := findConfig(cmd.Flags().Lookup(configFlag).Value.String())
	if path == "" || err != nil {
		return err
	}
	file, err := loadConfig(path)
	if err != nil {
		return err
	}
	a.file = path
	for _, e := range file.entries {
		f := cmd.Flags().Lookup(e.name)
		if f == nil || f.Changed || !isSetting(f) {
			continue
		}
		if err := e.set(f, filepath.Dir(path)); err != nil {
			return fmt.Errorf("%s: line %d: %w", path, e.line, err)
		}
		f.Changed = true
		a.origins[e.name] = fmt.Sprintf("%s:%d", path, e.line)
	}
	return nil
}

// findConfig returns the file that is named, the first of the usual ones that is there, or "".
func findConfig(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	for _, path := range configPlaces {
		_, err := os.Stat(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", nil
}
