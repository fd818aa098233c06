package foresize

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
)

// Where `foresize up` listens.
const (
	defaultProfiler  = "localhost:7070"
	defaultEstimator = "localhost:7071"
)

// What only reads is asked again, of another address where there is one, as far as the deadline allows.
const serviceConfig = `{
	"loadBalancingConfig": [{"round_robin": {}}],
	"methodConfig": [{
		"name": [{"service": "foresize.v1.EstimatorService"}],
		"retryPolicy": {
			"maxAttempts": 3, "initialBackoff": "0.01s", "maxBackoff": "0.1s", "backoffMultiplier": 2,
			"retryableStatusCodes": ["UNAVAILABLE"]
		}
	}]
}`

// connect is balanced over every address that the name resolves to; dead connections are noticed within 30 s.
func connect(target string, config *tls.Config) (*grpc.ClientConn, error) {
	transport := insecure.NewCredentials()
	if config != nil {
		transport = credentials.NewTLS(config)
	}
	return grpc.NewClient(target,
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64*1024*1024)),
	)
}

// security is what options leave unsaid, from the environment: FORESIZE_CA_FILE, FORESIZE_CERT_FILE and FORESIZE_KEY_FILE
// for TLS, FORESIZE_TOKEN_FILE, read at each connection, or FORESIZE_TOKEN.
func security(target string, config *tls.Config, token func() string) (*tls.Config, func() string, error) {
	if caFile := os.Getenv("FORESIZE_CA_FILE"); config == nil && caFile != "" {
		roots, err := os.ReadFile(caFile)
		if err != nil {
			return nil, nil, err
		}
		config = &tls.Config{RootCAs: x509.NewCertPool()}
		if !config.RootCAs.AppendCertsFromPEM(roots) {
			return nil, nil, fmt.Errorf("%s holds no certificate", caFile)
		}
		if certFile := os.Getenv("FORESIZE_CERT_FILE"); certFile != "" {
			pair, err := tls.LoadX509KeyPair(certFile, os.Getenv("FORESIZE_KEY_FILE"))
			if err != nil {
				return nil, nil, err
			}
			config.Certificates = []tls.Certificate{pair}
		}
	}
	if token == nil {
		token = tokenOfEnvironment()
	}
	if token != nil && config == nil && !isOnThisHost(target) {
		return nil, nil, fmt.Errorf("a token for %s needs TLS: it would go over the network in plain text", target)
	}
	return config, token, nil
}

func tokenOfEnvironment() func() string {
	if file := os.Getenv("FORESIZE_TOKEN_FILE"); file != "" {
		return func() string {
			held, _ := os.ReadFile(file)
			return strings.TrimSpace(string(held))
		}
	}
	if token := os.Getenv("FORESIZE_TOKEN"); token != "" {
		return func() string { return token }
	}
	return nil
}

func isOnThisHost(target string) bool {
	if strings.HasPrefix(target, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(target[strings.LastIndex(target, "/")+1:])
	if err != nil {
		return false
	}
	address := net.ParseIP(host)
	return host == "localhost" || address != nil && address.IsLoopback()
}

func withToken(ctx context.Context, token func() string) context.Context {
	if token == nil {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token())
}

func firstOf(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}
