using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Google.Protobuf.Reflection;
using Granary.Protos.Concurrency;

namespace Granary.Conformance.Tests.Compatibility;

/// <summary>The page that says of each method and field of etcd's API what becomes of it, and how many tests show it.</summary>
internal static partial class CompatibilityPage
{
    /// <summary>Of a method that no test calls.</summary>
    public const string NoTest = "no test";

    private const string Answers = "answers";
    private const string Errors = "errors";

    public static string Path => System.IO.Path.Combine(Repository.Root, "tests", "Granary.Conformance.Tests", "COMPATIBILITY.md");

    private static IEnumerable<MethodDescriptor> Methods =>
        ((FileDescriptor[])[RpcReflection.Descriptor, LockReflection.Descriptor, ElectionReflection.Descriptor]).SelectMany(static file => file.Services).SelectMany(static service => service.Methods);

    /// <summary>The messages that a request can be made of, in the order in which they come first.</summary>
    private static List<MessageDescriptor> Requests
    {
        get
        {
            List<MessageDescriptor> found = [];
            foreach (var method in Methods)
            {
                Add(method.InputType);
            }

            return found;

            void Add(MessageDescriptor message)
            {
                if (!found.Contains(message))
                {
                    found.Add(message);
                    message.Fields.InDeclarationOrder().Where(static one => one.FieldType == FieldType.Message).ToList().ForEach(one => Add(one.MessageType));
                }
            }
        }
    }

    public static string NameOf(FieldDescriptor field) => $"{field.ContainingType.FullName}.{field.Name}";

    /// <summary>As a run shows it.</summary>
    public static string Write()
    {
        var page = new StringBuilder("""
            # What Granary answers of etcd's API

            Written by the conformance suite, which sends the same to an etcd and to Granary and wants the same answers. `GRANARY_WRITE_COMPATIBILITY=1 tests/run --only
            Conformance` writes it anew. A run of the whole suite fails if no test of it shows what is said here; the numbers are those of the run that wrote it.

            A test counts for what it calls, and for the fields that it sets, by gRPC. What is not counted comes on top:
            random sequences of requests, JSON, etcdctl and other clients.

            ## Methods

            *Answers*: a test has got an answer that is no error. *Errors*: the tests have got errors only, the same as those of etcd. Here each store has one member; members
            that are added, removed and promoted are those of `Granary.Cluster.Tests`. A Granary cannot be downgraded.

            | method | Granary | tests | of them beside an etcd |
            |---|---|---|---|

            """);
        foreach (var method in Methods)
        {
            var (tests, withEtcd) = CallNotes.Of(PathOf(method));
            page.AppendLine(CultureInfo.InvariantCulture, $"| `{method.Service.FullName}/{method.Name}` | {(CallNotes.IsAnswered(PathOf(method)) ? Answers : tests > 0 ? Errors : NoTest)} | {tests} | {withEtcd} |");
        }

        page.Append("""

            ## Fields of requests

            How many tests send each with something other than its default.

            | message | fields |
            |---|---|

            """);
        foreach (var message in Requests.Where(static message => message.Fields.InDeclarationOrder().Count > 0))
        {
            var fields = message.Fields.InDeclarationOrder().Select(static field => $"`{field.Name}` {CallNotes.Of(NameOf(field)).Tests}");
            page.AppendLine(CultureInfo.InvariantCulture, $"| `{message.FullName}` | {string.Join(", ", fields)} |");
        }

        return page.ToString();
    }

    /// <summary>What a page claims: of each method what becomes of it, and of all how many tests there are.</summary>
    public static (Dictionary<string, string> Fates, Dictionary<string, int> Tests) Read(string page)
    {
        var methods = MethodRow().Matches(page);
        var fates = methods.ToDictionary(static row => row.Groups[1].Value, static row => row.Groups[2].Value);
        var tests = methods.ToDictionary(static row => row.Groups[1].Value, static row => Number(row.Groups[3].Value));
        foreach (Match row in methods)
        {
            tests.Add($"{row.Groups[1].Value} beside an etcd", Number(row.Groups[4].Value));
        }

        foreach (Match row in MessageRow().Matches(page))
        {
            foreach (Match field in Field().Matches(row.Groups[2].Value))
            {
                tests.Add($"{row.Groups[1].Value}.{field.Groups[1].Value}", Number(field.Groups[2].Value));
            }
        }

        return (fates, tests);
    }

    private static int Number(string digits) => int.Parse(digits, CultureInfo.InvariantCulture);

    private static string PathOf(MethodDescriptor method) => $"/{method.Service.FullName}/{method.Name}";

    [GeneratedRegex(@"^\| `([\w.]+/\w+)` \| ([\w ]+) \| (\d+) \| (\d+) \|$", RegexOptions.Multiline)]
    private static partial Regex MethodRow();

    [GeneratedRegex(@"^\| `([\w.]+)` \| (`.*) \|$", RegexOptions.Multiline)]
    private static partial Regex MessageRow();

    [GeneratedRegex(@"`(\w+)` (\d+)")]
    private static partial Regex Field();
}
