package measure

import (
	"encoding/json"
	"os"
	"testing"
)

// TestDaemonClient has the same vectors as every language.
func TestDaemonClient(t *testing.T) {
	content, err := os.ReadFile("../../../../test/conformance/daemon-clients.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Command []string
		Client  string
	}
	if err := json.Unmarshal(content, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, each := range vectors {
		if client := DaemonClient(each.Command); client != each.Client {
			t.Errorf("%v: %q, expected %q", each.Command, client, each.Client)
		}
	}
}
