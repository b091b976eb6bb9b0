//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package cataloguetest_moto

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/llac-project/llac/platform/catalogue/cataloguetest"
	"github.com/llac-project/llac/platform/local/aws/conformance"
)

func TestMoto(t *testing.T) {
	t.Parallel()
	moto, err := conformance.StartMoto(context.Background(), os.Stderr)
	if err != nil {
		if os.Getenv("LLAC_REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip("moto is not available: ", err)
	}
	t.Cleanup(func() { _ = moto.Close() })
	client := glue.NewFromConfig(moto.Config)
	var databases atomic.Int64
	open := func(t *testing.T) cataloguetest.Glue {
		name := fmt.Sprintf("llac_test%d_staging", databases.Add(1))
		if _, err := client.CreateDatabase(t.Context(), &glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: &name}}); err != nil {
			t.Fatal(err)
		}
		return cataloguetest.Glue{API: client, Database: name}
	}
	cataloguetest.Conformance(t, open)
	cataloguetest.Marts(t, open)
}
