//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// gRPC over the standard library's HTTP/2: five bytes before each message, the status in the trailers. A client library
// would weigh more than this whole program (decision 19).

const (
	maxMessageBytes = 4 << 20
	codeUnavailable = "14"
	codeOutOfOrder  = "9" // FAILED_PRECONDITION
)

// channel is where calls to one service go.
type channel struct {
	transport *http.Transport
	target    string
	scheme    string
	host      string
	security  security
}

// openChannel fails for files that cannot be read; whether anybody is there shows later.
func openChannel(target string, security security) (*channel, error) {
	config, err := security.tls()
	if err != nil {
		return nil, err
	}
	if _, err := security.bearer(target, config == nil); err != nil {
		return nil, err
	}
	network, address := dialAddress(target)
	c := &channel{target: target, scheme: "https", host: address, security: security}
	if network == "unix" {
		c.host = "localhost"
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	if config == nil {
		c.scheme = "http"
		protocols.SetHTTP2(false)
		protocols.SetUnencryptedHTTP2(true)
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	// No proxy: its variables are not meant for us, and a token may go along.
	c.transport = &http.Transport{
		TLSClientConfig:     config,
		Protocols:           protocols,
		DisableCompression:  true,
		TLSHandshakeTimeout: 5 * time.Second,
		// Dead connections are noticed within 30 s.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 20 * time.Second, PingTimeout: 10 * time.Second},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, address)
		},
	}
	return c, nil
}

// dialAddress of host:port, dns:///host:port, unix:/path.
func dialAddress(target string) (network, address string) {
	if path, isUnix := strings.CutPrefix(target, "unix:"); isUnix {
		return "unix", strings.TrimPrefix(path, "//")
	}
	address = target
	if rest, isDNS := strings.CutPrefix(target, "dns:"); isDNS {
		address = rest[strings.LastIndex(rest, "/")+1:]
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(address, "443")
	}
	return "tcp", address
}

func (c *channel) close() { c.transport.CloseIdleConnections() }

// call begins a call; the body holds the messages that are sent.
func (c *channel) call(ctx context.Context, method string, body io.Reader) (*answers, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.scheme+"://"+c.host+method, body)
	if err != nil {
		return nil, err
	}
	token, err := c.security.bearer(c.target, c.scheme == "http")
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	request.Header.Set("User-Agent", "foresize-run")
	if end, bounded := ctx.Deadline(); bounded {
		request.Header.Set("Grpc-Timeout", fmt.Sprintf("%dm", max(1, time.Until(end).Milliseconds())))
	}
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return nil, c.explain(err)
	}
	return &answers{response}, nil
}

// unary is one message for another.
func (c *channel) unary(ctx context.Context, method string, request message) ([]byte, error) {
	answers, err := c.call(ctx, method, strings.NewReader(string(framed(request))))
	if err != nil {
		return nil, err
	}
	defer answers.close()
	return answers.next()
}

func framed(payload message) []byte {
	frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(payload)))
	return append(frame, payload...)
}

// answers are the messages that come back.
type answers struct{ response *http.Response }

// next is an error once there is none: a statusError, or what the connection died of.
func (a *answers) next() ([]byte, error) {
	var header [5]byte
	if _, err := io.ReadFull(a.response.Body, header[:]); err != nil {
		if err == io.EOF {
			return nil, a.status()
		}
		return nil, err
	}
	length := binary.BigEndian.Uint32(header[1:])
	if header[0] != 0 || length > maxMessageBytes {
		return nil, errors.New("the server sent what is no message of ours")
	}
	payload := make([]byte, length)
	_, err := io.ReadFull(a.response.Body, payload)
	return payload, err
}

func (a *answers) close() { _ = a.response.Body.Close() }

type statusError struct{ code, message string }

func (s *statusError) Error() string { return s.message }

func (a *answers) status() error {
	field := func(name string) string {
		if value := a.response.Trailer.Get(name); value != "" {
			return value
		}
		return a.response.Header.Get(name)
	}
	code := field("Grpc-Status")
	text, err := url.PathUnescape(field("Grpc-Message"))
	if err != nil || text == "" {
		text = "status " + code
	}
	if code == "" {
		text = "HTTP status " + a.response.Status
	}
	return &statusError{code, text}
}

// explain says in one form what every client of ours says.
func (c *channel) explain(err error) error {
	var name *net.DNSError
	var number unix.Errno
	switch {
	case errors.As(err, &name):
		return fmt.Errorf("no address is known for %s", c.target)
	case errors.As(err, &number):
		_, address := dialAddress(c.target)
		return fmt.Errorf("%s %s", number, address)
	default:
		return err
	}
}

// errorText is what the system says of its error, no such file or directory for example, or what err says.
func errorText(err error) string {
	var number unix.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return err.Error()
}
