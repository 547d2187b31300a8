using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Granary.Benchmarks.Reports;

/// <summary>A report as JSON.</summary>
internal static class JsonReport
{
    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,

        // A name has its µ and × as they are: this is no web page.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,

        // What was divided by nothing is no reason to lose the rest.
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    public static string Of(Report report)
    {
        var conditions = report.Conditions;
        return JsonSerializer.Serialize(
            new
            {
                conditions.Date,
                conditions.Command,
                conditions.Machine,
                conditions.Granary,
                conditions.Etcd,
                report.Tables,
            },
            Options) + "\n";
    }
}
