//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package conformance_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/llac-project/llac/platform/catalogue/cataloguetest"
)

// TestCatalogueOnMoto runs the catalogue's conformance suite over Glue's protocol. moto keeps a table's versions but ignores
// the version that an update names, so that what depends on it is tested in memory only.
func TestCatalogueOnMoto(t *testing.T) {
	t.Parallel()
	needMoto(t)
	client := glue.NewFromConfig(moto.Config)
	var databases atomic.Int64
	open := func(t *testing.T) cataloguetest.Glue {
		name := fmt.Sprintf("llac_test%d_staging", databases.Add(1))
		if _, err := client.CreateDatabase(t.Context(),
			&glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: &name}}); err != nil {
			t.Fatal(err)
		}
		return cataloguetest.Glue{API: client, Database: name}
	}
	cataloguetest.Conformance(t, open)
	cataloguetest.Marts(t, open)
}
