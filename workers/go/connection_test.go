package foresize

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestATokenLetsInAndNeverGoesOutInPlainText(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens.json")
	entry := fmt.Sprintf(`{"tokens": [{"name": "ci", "sha256": "%x", "roles": ["worker"], "namespaces": ["*"]}]}`,
		sha256.Sum256([]byte("secret")))
	if err := os.WriteFile(file, []byte(entry), 0o600); err != nil {
		t.Fatal(err)
	}
	profiler := startService(t, "profiler", "--metrics-listen=", "--store", "memory", "--tokens-file", file)
	for token, isLetIn := range map[string]bool{"secret": true, "guessed": false} {
		var told problems
		w := newTestWorker(t, Options{
			Target: profiler.address, Token: func() string { return token }, OnProblem: told.tell,
		})
		w.Start("go/token", StartOptions{}).End(Succeeded, Resources{}, SourceUnknown)
		wait := time.Second
		if isLetIn {
			wait = 20 * time.Second
		}
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		if err := w.Flush(ctx); (err == nil) != isLetIn {
			t.Errorf("%s: %v %v", token, err, told.all())
		}
		cancel()
	}
	secret := func() string { return "secret" }
	if _, err := NewWorker(context.Background(), Options{Target: "profiler.example:7070", Token: secret}); err == nil {
		t.Error("the token would go out")
	}
	for target, isHere := range map[string]bool{
		"localhost:1": true, "127.0.0.2:1": true, "[::1]:1": true, "unix:/x": true, "dns:///localhost:1": true,
		"example.com:1": false, "10.0.0.1:1": false, "127.example:1": false,
	} {
		if isOnThisHost(target) != isHere {
			t.Errorf("%s: %v", target, !isHere)
		}
	}
}
