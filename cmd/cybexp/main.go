// Command cybexp is the whole of Cybex-P in one binary: the platform (`up`), each of its roles alone (`web`, `reportd`,
// `ingest`), and the clients and tools a person uses from a shell. This package wires; what it wires lives elsewhere.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // queries name IANA zones; a slim image has no zoneinfo

	"github.com/spf13/cobra"
)

// Exit statuses of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a mistake of the caller's: wrong flags, or a query that is not TDQL. It ends with exit status 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// app holds what a command may touch of the process, so that a test can hand it something else.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	begun   bool    // the command line was understood and its command runs
	file    string  // the cybexp.yaml that was read, or ""
	origins origins // where the flags of the command have their values from
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run runs one command line and gives its exit status.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var silent silentError
	if !errors.As(err, &silent) {
		fmt.Fprintf(a.stderr, "cybexp: %s\n", strings.TrimRight(err.Error(), "\n"))
	}
	var usage usageError
	if errors.As(err, &usage) || !a.begun {
		return exitUsage
	}
	return exitFailed
}

// silentError is an error whose text the person has already seen.
type silentError struct{ error }

func (e silentError) Unwrap() error { return e.error }

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "cybexp",
		Short:         "Threat data as a graph that anyone can question",
		Long:          "Cybex-P takes in raw threat data, keeps it as one TAHOE graph, and answers questions about it in TDQL.",
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.configure(cmd)
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w\nsee '%s --help'", err, cmd.CommandPath())}
	})
	root.AddGroup(
		&cobra.Group{ID: "platform", Title: "The platform:"},
		&cobra.Group{ID: "client", Title: "Asking and sending:"},
		&cobra.Group{ID: "tool", Title: "Tools that need no server:"},
	)
	root.AddCommand(
		a.upCommand(), a.webCommand(), a.reportdCommand(), a.ingestCommand(), a.importCommand(), a.backupCommand(), a.restoreCommand(), a.doctorCommand(),
		a.sendCommand(), a.exportCommand(), a.sourceCommand(), a.queryCommand(), a.watchCommand(), a.mcpCommand(), a.orgCommand(), a.userCommand(), a.tokenCommand(),
		a.auditCommand(), a.savedCommand(), a.classifyCommand(), a.deleteCommand(),
		a.tdqlCommand(), a.tahoeCommand(), a.keyCommand(), a.configCommand(), a.healthCommand(), a.versionCommand(), a.manCommand(),
	)
	a.noteBegin(root)
	return root
}

// noteBegin lets every command tell that it runs: an error before that is one of usage, whoever found it.
func (a *app) noteBegin(root *cobra.Command) {
	eachCommand(root, func(cmd *cobra.Command) {
		if run := cmd.RunE; run != nil {
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				a.begun = true
				return run(cmd, args)
			}
		}
	})
}

// exactArgs is cobra.ExactArgs with our exit status and a line that says what is missing.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return usageError{fmt.Errorf("%s takes %s, not %d arguments\nsee '%s --help'",
			cmd.CommandPath(), strings.Join(names, " "), len(args), cmd.CommandPath())}
	}
}

// minArgs asks for at least one argument.
func minArgs(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return nil
		}
		return usageError{fmt.Errorf("%s takes at least one %s\nsee '%s --help'", cmd.CommandPath(), name, cmd.CommandPath())}
	}
}

// openArg opens a file argument; "-" or no argument is standard input.
func (a *app) openArg(args []string) (io.ReadCloser, error) {
	if len(args) == 0 || args[0] == "-" {
		return io.NopCloser(a.stdin), nil
	}
	f, err := os.Open(args[0])
	if err != nil {
		return nil, err
	}
	return f, nil
}
