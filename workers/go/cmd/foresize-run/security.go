//go:build linux

package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// security is what the command line and the environment say of TLS and token.
type security struct{ ca, cert, key, tokenFile, token string }

func securityOf(words given) security {
	first := func(name, variable string) string {
		if value := words.text(name); value != "" {
			return value
		}
		return os.Getenv(variable)
	}
	s := security{
		ca: first("ca", "FORESIZE_CA_FILE"), cert: first("cert", "FORESIZE_CERT_FILE"), key: first("key", "FORESIZE_KEY_FILE"),
		tokenFile: first("token-file", "FORESIZE_TOKEN_FILE"), token: os.Getenv("FORESIZE_TOKEN"),
	}
	return s
}

// tls is nil for plain text.
func (s security) tls() (*tls.Config, error) {
	if s.ca == "" {
		if s.cert != "" || s.key != "" {
			return nil, errors.New("--cert and --key need --ca")
		}
		return nil, nil
	}
	roots, err := os.ReadFile(s.ca)
	if err != nil {
		return nil, fileError(s.ca, err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	if !config.RootCAs.AppendCertsFromPEM(roots) {
		return nil, fmt.Errorf("%s: holds no certificate", s.ca)
	}
	if s.cert != "" {
		pair, err := tls.LoadX509KeyPair(s.cert, s.key)
		if err != nil {
			return nil, fileError(s.cert, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// bearer is the token, empty where there is none. It never goes out in plain text beyond this host.
func (s security) bearer(target string, isPlain bool) (string, error) {
	token := s.token
	if s.tokenFile != "" {
		held, err := os.ReadFile(s.tokenFile)
		if err != nil {
			return "", fileError(s.tokenFile, err)
		}
		if token = strings.TrimSpace(string(held)); token == "" {
			return "", fmt.Errorf("%s: holds no token", s.tokenFile)
		}
	}
	if token != "" && isPlain && !isOnThisHost(target) {
		return "", fmt.Errorf("a token for %s needs TLS: it would go over the network in plain text", target)
	}
	return token, nil
}

func isOnThisHost(target string) bool {
	network, address := dialAddress(target)
	if network == "unix" {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func fileError(path string, err error) error { return fmt.Errorf("%s: %s", path, errorText(err)) }
