package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// everyRole has all settings.
const everyRole = roleServers | roleImport | roleStores

// configCommand shows what a role that is started here, so, would be told.
func (a *app) configCommand() *cobra.Command {
	var s settings
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "config [ROLE]",
		Short: "Show what every setting is, and where it has its value from",
		Long: "Show the settings that `cybexp ROLE`, with the same flags, environment and file, would have; without a ROLE, all.\n" +
			"A flag counts over CYBEXP_<NAME>, which counts over the file, which counts over the default. What is printed is a\n" +
			"cybexp.yaml itself. A file or variable that is wrong is told, with its line, and ends with status 2.",
		Example: "  cybexp config\n  cybexp config web --config /etc/cybexp/cybexp.yaml\n  cybexp config > cybexp.yaml",
		GroupID: "tool",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			roles, err := rolesOf(args)
			if err != nil {
				return err
			}
			lines := a.configLines(cmd.Flags(), &s, roles)
			if asJSON {
				return json.NewEncoder(a.stdout).Encode(map[string]any{"file": a.file, "settings": lines})
			}
			return a.printConfig(lines)
		},
	}
	s.bind(cmd, everyRole)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as a JSON object")
	return cmd
}

func rolesOf(args []string) (role, error) {
	if len(args) == 0 {
		return everyRole, nil
	}
	var names []string
	for _, n := range roleNames {
		if n.name == args[0] {
			return n.role, nil
		}
		names = append(names, n.name)
	}
	return 0, usageError{fmt.Errorf("%q is not a role; there are: %s", args[0], strings.Join(names, ", "))}
}

// configLine is one setting as it is.
type configLine struct {
	Name    string   `json:"name"`
	Value   any      `json:"value"`
	From    string   `json:"from"` // --name, CYBEXP_NAME, file:line, or default
	Default any      `json:"default"`
	Roles   []string `json:"roles"`

	part string
}

func (a *app) configLines(flags *pflag.FlagSet, s *settings, roles role) []configLine {
	var lines []configLine
	for _, one := range new(settings).table() { // bound to nothing: it has the defaults
		if one.roles&roles == 0 {
			continue
		}
		from, ok := a.origins[one.Name]
		if !ok {
			from = "default"
		}
		lines = append(lines, configLine{
			Name: one.Name, Value: plain(flags.Lookup(one.Name).Value), From: from, Default: plain(one.Value), Roles: one.roles.names(), part: one.part,
		})
	}
	return lines
}

// plain is a flag's value as YAML and JSON have it. What could be secret in it is masked.
func plain(v pflag.Value) any {
	if list, ok := v.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	text := masked(v.String())
	switch v.Type() {
	case "duration":
		d, err := time.ParseDuration(text)
		if err != nil {
			return text
		}
		return shortTime(d)
	case "bool", "int", "uint64", "float64":
		return json.RawMessage(text)
	}
	return text
}

// masked hides the password in each URL of a list.
func masked(text string) string {
	list := strings.Split(text, ",")
	for i, one := range list {
		if u, err := url.Parse(one); err == nil && u.User != nil {
			if _, has := u.User.Password(); has {
				list[i] = u.Redacted()
			}
		}
	}
	return strings.Join(list, ",")
}

// shortTime is a duration without the units that are zero: 10m, not 10m0s.
func shortTime(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// printConfig writes the lines as a cybexp.yaml, with where each value comes from as a comment.
func (a *app) printConfig(lines []configLine) error {
	fmt.Fprintf(a.stdout, "# %s was read\n", cmp.Or(a.file, "no cybexp.yaml"))
	texts := make([]string, len(lines))
	width := 0
	for i, l := range lines {
		value, err := yamlValue(l.Value)
		if err != nil {
			return err
		}
		texts[i] = l.Name + ": " + value
		if len(texts[i]) <= 60 {
			width = max(width, len(texts[i]))
		}
	}
	part := ""
	for i, l := range lines {
		if l.part != part {
			part = l.part
			fmt.Fprintf(a.stdout, "\n# %s\n", part)
		}
		fmt.Fprintf(a.stdout, "%-*s  # %s\n", width, texts[i], l.From)
	}
	return nil
}

// yamlValue writes a value on one line.
func yamlValue(v any) (string, error) {
	switch v := v.(type) {
	case json.RawMessage:
		return string(v), nil
	case []string:
		parts := make([]string, len(v))
		for i, one := range v {
			part, err := yamlValue(one)
			if err != nil {
				return "", err
			}
			parts[i] = part
		}
		return "[" + strings.Join(parts, ", ") + "]", nil
	}
	var node yaml.Node
	if err := node.Encode(v); err != nil {
		return "", err
	}
	if text, ok := v.(string); ok && !plainText.MatchString(text) {
		node.Style = yaml.DoubleQuotedStyle
	}
	out, err := yaml.Marshal(&node)
	return strings.TrimRight(string(out), "\n"), err
}

// plainText is what needs no quotes anywhere in a YAML file, unless it looks like something else than text.
var plainText = regexp.MustCompile(`^[\w./][\w./:-]*[\w./]$|^\w$`)
