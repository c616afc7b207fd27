package dgraphd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// probe is a query that needs the alpha, its group and the zero.
const probe = `{ q(func: eq(dgraph.type, "none")) { uid } }`

// until calls f every little while until it returns nil, ctx ends, or the children are given up.
func (s *Server) until(ctx context.Context, what string, f func(context.Context) error) error {
	var last error
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := f(attempt)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-s.failed:
			return s.err
		case <-ctx.Done():
			return fmt.Errorf("%s: %w (last answer: %w)", what, ctx.Err(), last)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *Server) zeroHealthy(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+loopback(zeroHTTP+s.offset)+"/health", nil)
	if err != nil {
		return err
	}
	_, err = s.do(req)
	return err
}

// answers runs a real query: /health says yes seconds before one gets an answer.
func (s *Server) answers(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.HTTP()+"/query?ro=true", strings.NewReader(probe))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/dql")
	body, err := s.do(req)
	if err != nil {
		return err
	}
	var answer struct {
		Errors []struct{ Message string }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("query: %w", err)
	}
	if len(answer.Errors) > 0 {
		return fmt.Errorf("query: %s", answer.Errors[0].Message)
	}
	return nil
}

func (s *Server) do(req *http.Request) ([]byte, error) {
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %.200s", req.URL, res.Status, body)
	}
	return body, nil
}
