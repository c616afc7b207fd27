package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// healthCommand is what a container's health check runs: the images hold no shell and no curl.
func (a *app) healthCommand() *cobra.Command {
	var timeout time.Duration
	var t trust
	cmd := &cobra.Command{
		Use:     "health [URL]",
		Short:   "Exit 0 when a health URL answers 2xx",
		Example: "  cybexp health http://127.0.0.1:8090/readyz\n  cybexp health https://localhost:9099/readyz --ca ca.crt --client-cert tls.crt --client-key tls.key",
		GroupID: "tool",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			url := "http://" + defaultListen + "/readyz"
			if len(args) == 1 {
				url = args[0]
			}
			if err := t.loadTrust(); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return usageError{err}
			}
			resp, err := t.client.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if resp.StatusCode >= 300 {
				return fmt.Errorf("%s answers %s", url, resp.Status)
			}
			return nil
		},
	}
	t.bindTrust(cmd)
	cmd.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "give up after this long")
	return cmd
}
