package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/cybexp/cybexp/tdql"
)

// maxConfig bounds cybexp.yaml, in bytes.
const maxConfig = 1 << 20

// entry is one line of a cybexp.yaml.
type entry struct {
	name   string
	line   int
	values []string // one, unless list
	list   bool
	fault  error // why it is none
}

// parseConfig reads the keys and values of a cybexp.yaml: a mapping of names to scalars, or to lists of them. It knows no setting.
func parseConfig(text []byte) ([]entry, error) {
	var doc yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(string(text)))
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("one document is expected, not several")
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: lines of the form `name: value` are expected", root.Line)
	}
	var list []entry
	lines := map[string]int{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		e := parseEntry(root.Content[i], root.Content[i+1])
		if before, twice := lines[e.name]; twice {
			e.fault = fmt.Errorf("%q stands in line %d already", e.name, before)
		}
		lines[e.name] = e.line
		list = append(list, e)
	}
	return list, nil
}

func parseEntry(key, value *yaml.Node) entry {
	e := entry{name: key.Value, line: key.Line}
	switch {
	case key.Kind != yaml.ScalarNode:
		e.fault = errors.New("a name is expected before the colon")
	case value.Kind == yaml.MappingNode:
		e.fault = fmt.Errorf("%q has names below it, but settings are not nested: see `cybexp config`", e.name)
	case value.Kind == yaml.SequenceNode:
		e.list = true
		for _, one := range value.Content {
			e.add(one)
		}
	default:
		e.add(value)
	}
	return e
}

func (e *entry) add(value *yaml.Node) {
	switch {
	case value.Kind != yaml.ScalarNode:
		e.fault = fmt.Errorf("%q is neither a plain value nor a list of such", e.name)
	case value.Tag == "!!null":
		e.fault = fmt.Errorf("%q has no value: give one, or take the line out", e.name)
	default:
		e.values = append(e.values, value.Value)
	}
}

// set gives the value to a flag. A path is relative to the file's folder.
func (e entry) set(f *pflag.Flag, dir string) error {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.Replace(e.values)
	}
	if e.list {
		return fmt.Errorf("%q takes one value, not a list", e.name)
	}
	value := e.values[0]
	if f.Value.Type() == pathType && value != "" && !filepath.IsAbs(value) {
		value = filepath.Join(dir, value)
	}
	return setFlag(f, value)
}

// setFlag sets the value of a flag, with an error that says what would fit.
func setFlag(f *pflag.Flag, value string) error {
	if f.Value.Set(value) == nil {
		return nil
	}
	want := map[string]string{
		"bool": "neither true nor false", "int": "not a whole number", "uint64": "not a whole number from 0", "float64": "not a number",
		"duration": "not a time such as 90s, 10m or 48h",
	}[f.Value.Type()]
	return fmt.Errorf("%s: %q is %s", f.Name, value, cmp.Or(want, "not of its form"))
}

// configFile is a cybexp.yaml whose every line is known and fits its setting.
type configFile struct {
	path    string
	entries []entry
}

// loadConfig reads a file and holds it to the table of settings, those of other roles included.
func loadConfig(path string) (configFile, error) {
	text, err := readConfig(path)
	if err != nil {
		return configFile{}, err
	}
	entries, err := parseConfig(text)
	if err != nil {
		return configFile{}, inFile(path, err)
	}
	known := map[string]*pflag.Flag{}
	var names []string
	for _, s := range new(settings).table() {
		known[s.Name] = s.Flag
		names = append(names, s.Name)
	}
	var errs []error
	for _, e := range entries {
		fault := e.fault
		if f, ok := known[e.name]; fault == nil && !ok {
			fault = fmt.Errorf("there is no setting %q%s", e.name, meant(e.name, names))
		} else if fault == nil {
			fault = e.set(f, filepath.Dir(path))
		}
		if fault != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", e.line, fault))
		}
	}
	return configFile{path, entries}, inFile(path, errors.Join(errs...))
}

func readConfig(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err == nil && len(text) > maxConfig {
		err = fmt.Errorf("%s is longer than %d bytes", path, maxConfig)
	}
	return text, err
}

// inFile says before each fault in which file it is.
func inFile(path string, err error) error {
	if err == nil {
		return nil
	}
	return errors.New(path + ": " + strings.ReplaceAll(err.Error(), "\n", "\n"+path+": "))
}

// meant is the end of a message about a name that nobody knows: the one that is near it, if there is one.
func meant(name string, known []string) string {
	if best := tdql.Nearest(name, known); best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return "; `cybexp config` lists them"
}
