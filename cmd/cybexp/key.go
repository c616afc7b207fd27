package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/ingest/envelope"
)

func (a *app) keyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "key",
		Short:   "Make keys and secrets, seal and open envelopes",
		GroupID: "tool",
	}
	cmd.AddCommand(a.keyGenerateCommand(), a.keyRotateCommand(), a.keySealCommand(), a.keyOpenCommand(), a.keySecretCommand())
	return cmd
}

func (a *app) keyGenerateCommand() *cobra.Command {
	var priv, pub string
	var bits int
	cmd := &cobra.Command{
		Use:     "generate",
		Short:   "Make an RSA key pair for sealing",
		Example: "  cybexp key generate --key priv.pem --pub pub.pem",
		Args:    exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			for _, path := range []string{priv, pub} {
				if _, err := os.Stat(path); err == nil {
					return fmt.Errorf("%s exists already; a key is never overwritten", path)
				}
			}
			key, err := envelope.GenerateKey(bits)
			if err != nil {
				return err
			}
			if err := envelope.WritePrivate(priv, key); err != nil {
				return err
			}
			return envelope.WritePublic(pub, &key.PublicKey)
		},
	}
	cmd.Flags().StringVar(&priv, "key", "priv.pem", "private key `FILE` to write (mode 0600)")
	cmd.Flags().StringVar(&pub, "pub", "pub.pem", "public key `FILE` to write")
	cmd.Flags().IntVar(&bits, "bits", 3072, "modulus size in bits, 2048 to 8192")
	return cmd
}

func (a *app) keyRotateCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Add a key pair to a platform's, which seals uploads from now on; the others go on opening",
		Long: "The new pair is DIR/keys/priv-N.pem and pub-N.pem. A platform that runs takes it into use within seconds.\n" +
			"Keep the old keys: what was sealed with them is opened with them. Where web and ingest have folders of their own, copy the\n" +
			"private key to ingest first, then the public key to web.",
		Example: "  cybexp key rotate --data /var/lib/cybexp",
		Args:    exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			if err := checkOwner(data); err != nil {
				return err
			}
			pairs, err := ingest.RotateKeys(filepath.Join(data, "keys"))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "pair %d seals from now on\n", pairs)
			return err
		},
	}
	bindData(cmd, &data, "data `DIR` of the platform")
	return cmd
}

func (a *app) keySealCommand() *cobra.Command {
	var pub string
	cmd := &cobra.Command{
		Use:     "seal [FILE|-]",
		Short:   "Seal a file for the holder of the private key; the envelope goes to standard output",
		Example: "  cybexp key seal --pub pub.pem report.json > report.sealed",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := envelope.ReadPublic(pub)
			if err != nil {
				return err
			}
			return a.pipe(args, func(plain []byte) ([]byte, error) { return envelope.Seal(key, plain) })
		},
	}
	cmd.Flags().StringVar(&pub, "pub", "pub.pem", "public key `FILE`")
	return cmd
}

func (a *app) keyOpenCommand() *cobra.Command {
	var priv string
	cmd := &cobra.Command{
		Use:     "open [FILE|-]",
		Short:   "Open an envelope; the plain bytes go to standard output",
		Example: "  cybexp key open --key priv.pem report.sealed > report.json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := envelope.ReadPrivate(priv)
			if err != nil {
				return err
			}
			return a.pipe(args, func(sealed []byte) ([]byte, error) { return envelope.Open(key, sealed) })
		},
	}
	cmd.Flags().StringVar(&priv, "key", "priv.pem", "private key `FILE`")
	return cmd
}

// pipe reads the file argument whole, changes it, and writes the result to standard output.
func (a *app) pipe(args []string, change func([]byte) ([]byte, error)) error {
	in, err := a.openArg(args)
	if err != nil {
		return err
	}
	defer in.Close()
	text, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("read input: %w", err)
	}
	out, err := change(text)
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(out)
	return err
}
