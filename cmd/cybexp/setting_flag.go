package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A flag of the table is made on a set of its own, and added to the commands that have it.

func textVar(p *string, name, value, usage string) *pflag.Flag {
	return made(name, func(f *pflag.FlagSet) { f.StringVar(p, name, value, usage) })
}

func boolVar(p *bool, name, usage string) *pflag.Flag {
	return made(name, func(f *pflag.FlagSet) { f.BoolVar(p, name, false, usage) })
}

func intVar(p *int, name string, value int, usage string) *pflag.Flag {
	return made(name, func(f *pflag.FlagSet) { f.IntVar(p, name, value, usage) })
}

func countVar(p *uint64, name string, value uint64, usage string) *pflag.Flag {
	return made(name, func(f *pflag.FlagSet) { f.Uint64Var(p, name, value, usage) })
}

func timeVar(p *time.Duration, name string, value time.Duration, usage string) *pflag.Flag {
	return made(name, func(f *pflag.FlagSet) { f.DurationVar(p, name, value, usage) })
}

func shareVar(p *float64, name string, value float64, usage string) *pflag.Flag {
	return made(name, func(f *pflag.FlagSet) { f.Float64Var(p, name, value, usage) })
}

func listVar(p *[]string, name, usage string) *pflag.Flag {
	return made(name, func(f *pflag.FlagSet) { f.StringSliceVar(p, name, nil, usage) })
}

// pathVar makes the flag of a file or folder, which cybexp.yaml names relative to its own folder.
func pathVar(p *string, name, value, usage string) *pflag.Flag {
	*p = value
	return made(name, func(f *pflag.FlagSet) { f.Var((*pathValue)(p), name, usage) })
}

func made(name string, define func(*pflag.FlagSet)) *pflag.Flag {
	f := pflag.NewFlagSet(name, pflag.ContinueOnError)
	define(f)
	return f.Lookup(name)
}

const pathType = "path"

type pathValue string

func (p *pathValue) Set(text string) error { *p = pathValue(text); return nil }
func (p *pathValue) String() string        { return string(*p) }
func (p *pathValue) Type() string          { return pathType }

// table gathers settings.
type table struct {
	part string
	list []setting
}

func (t *table) add(roles role, flag *pflag.Flag) {
	t.list = append(t.list, setting{flag, t.part, roles})
}

// configFlag names the file that the settings of a command may come from.
const configFlag = "config"

// settingMark, on a flag, says that it is a setting: cybexp.yaml may have it.
const settingMark = "cybexp_setting"

func addSetting(cmd *cobra.Command, f *pflag.Flag) {
	f.Annotations = map[string][]string{settingMark: {}}
	flags := cmd.Flags()
	flags.AddFlag(f)
	if flags.Lookup(configFlag) == nil {
		flags.String(configFlag, "", "`FILE` with settings (default: cybexp.yaml here, then /etc/cybexp/cybexp.yaml)")
	}
}

func isSetting(f *pflag.Flag) bool {
	_, ok := f.Annotations[settingMark]
	return ok
}
