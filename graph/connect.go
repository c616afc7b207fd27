package graph

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

// targets splits the target into what gRPC dials: the alphas, each host:port.
func (c Config) targets() ([]string, error) {
	list, ok := strings.CutPrefix(c.Target, "dgraph://")
	addrs := strings.Split(strings.TrimSuffix(list, "/"), ",")
	for _, addr := range addrs {
		u, err := url.Parse("dgraph://" + addr)
		ok = ok && err == nil && u.Host == addr && u.Hostname() != "" && u.User == nil
		if ok {
			_, err = strconv.ParseUint(u.Port(), 10, 16)
			ok = err == nil
		}
	}
	if !ok {
		text := c.Target
		if _, host, has := strings.Cut(text, "@"); has {
			text = "dgraph://…@" + host // what is before it may be a secret
		}
		return nil, fmt.Errorf("dgraph target %q is not of the form dgraph://host:port[,host:port…]", text)
	}
	return addrs, nil
}

// bases are where the alphas answer HTTP. Dgraph's ports lie 1000 apart.
func (c Config) bases() ([]*url.URL, error) {
	var texts []string
	if c.HTTP != "" {
		texts = strings.Split(c.HTTP, ",")
	} else {
		addrs, err := c.targets()
		if err != nil {
			return nil, err
		}
		scheme := "http"
		if c.TLS != nil {
			scheme = "https"
		}
		for _, addr := range addrs {
			host, port, _ := net.SplitHostPort(addr) // targets has looked at both
			n, _ := strconv.Atoi(port)
			texts = append(texts, scheme+"://"+net.JoinHostPort(host, strconv.Itoa(n-1000)))
		}
	}
	var list []*url.URL
	for _, text := range texts {
		u, err := url.Parse(strings.TrimRight(text, "/"))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
			return nil, errors.New("dgraph's HTTP address is not of the form http://host:port[,http://host:port…]")
		}
		if u.Scheme == "http" && c.TLS != nil {
			return nil, fmt.Errorf("%s is not https, but there are certificates for dgraph", u)
		}
		list = append(list, u)
	}
	return list, nil
}

// dial makes the connection to the first alpha that answers, and to another one when that is lost.
func (c Config) dial() (*grpc.ClientConn, error) {
	addrs, err := c.targets()
	if err != nil {
		return nil, err
	}
	var state resolver.State
	for _, addr := range addrs {
		host, _, _ := net.SplitHostPort(addr) // targets has looked
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: addr, ServerName: host}}})
	}
	alphas := manual.NewBuilderWithScheme("alphas")
	alphas.InitialState(state)
	trust := insecure.NewCredentials()
	if c.TLS != nil {
		trust = renewed{credentials.NewTLS(c.TLS()), c.TLS}
	}
	return grpc.NewClient("alphas:///dgraph",
		grpc.WithResolvers(alphas),
		grpc.WithTransportCredentials(trust),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}))
}

// renewed are credentials of gRPC that each connection has as they are when it begins.
type renewed struct {
	credentials.TransportCredentials

	config func() *tls.Config
}

func (r renewed) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(r.config()).ClientHandshake(ctx, authority, conn)
}

func (r renewed) Clone() credentials.TransportCredentials {
	return renewed{r.TransportCredentials.Clone(), r.config}
}

// httpClient makes the client of the alphas' HTTP ports. The host of a request is any of them: the first that can be reached gets it.
func (c Config) httpClient() (client *http.Client, base string, err error) {
	bases, err := c.bases()
	if err != nil {
		return nil, "", err
	}
	t := &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second}
	if c.TLS != nil {
		t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			config := c.TLS()
			if config.ServerName == "" {
				config.ServerName, _, _ = net.SplitHostPort(addr) // the transport makes it of both
			}
			d := tls.Dialer{Config: config}
			return d.DialContext(ctx, network, addr)
		}
	}
	return &http.Client{Transport: reachable{t, bases}}, bases[0].String(), nil
}

// reachable sends a request to the first of several servers that takes a connection. One that had a connection may have had the request.
type reachable struct {
	*http.Transport

	bases []*url.URL
}

func (r reachable) RoundTrip(req *http.Request) (*http.Response, error) {
	var errs []error
	for _, base := range r.bases {
		one := req.Clone(req.Context())
		one.URL.Scheme, one.URL.Host, one.Host = base.Scheme, base.Host, ""
		if req.GetBody != nil {
			var err error
			if one.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
		resp, err := r.Transport.RoundTrip(one)
		if err == nil {
			return resp, nil
		}
		errs = append(errs, err)
		var op *net.OpError
		if !errors.As(err, &op) || op.Op != "dial" {
			break
		}
	}
	return nil, errors.Join(errs...)
}
