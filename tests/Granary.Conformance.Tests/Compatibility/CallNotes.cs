using System.Collections.Concurrent;
using System.Reflection;
using Google.Protobuf;

namespace Granary.Conformance.Tests.Compatibility;

/// <summary>Which methods the tests of this run have called at which server, with which fields, and which of them were answered.</summary>
internal static class CallNotes
{
    private static readonly ConcurrentDictionary<(string Name, Product Product, string Test), byte> Shown = new();
    private static readonly ConcurrentDictionary<string, byte> Answers = new();
    private static readonly ConcurrentDictionary<string, byte> Run = new();
    private static readonly AsyncLocal<bool> IsUnnoted = new();

    /// <summary>The test that runs has been run.</summary>
    public static void Begun(Type type, MethodInfo method) => Run.TryAdd($"{type.FullName}.{method.Name}", 0);

    /// <summary>Whether every test of the suite has been run.</summary>
    public static bool AreWhole => typeof(CallNotes).Assembly.GetTypes()
        .Where(static type => !type.IsAbstract)
        .SelectMany(static type => type.GetMethods().Where(static method => method.GetCustomAttribute<FactAttribute>() is not null).Select(method => $"{type.FullName}.{method.Name}"))
        .All(Run.ContainsKey);

    /// <summary>What is called from here to the end of the async method is not noted: it is said in every test, or chance decides what it is.</summary>
    public static void LeaveOut() => IsUnnoted.Value = true;

    /// <summary>A test calls a method.</summary>
    public static void Called(Product product, string method) => Note(product, method);

    /// <summary>A request of a test has these fields, in whatever is in it too.</summary>
    public static void Sent(Product product, IMessage message)
    {
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder().Where(field => !Rendering.IsDefault(field, message)))
        {
            Note(product, CompatibilityPage.NameOf(field));
            switch (field.Accessor.GetValue(message))
            {
                case IMessage inner:
                    Sent(product, inner);
                    break;
                case System.Collections.IList list:
                    foreach (var inner in list.OfType<IMessage>())
                    {
                        Sent(product, inner);
                    }

                    break;
            }
        }
    }

    /// <summary>A method has had an answer that is no error.</summary>
    public static void Answered(Product product, string method)
    {
        if (product == Product.Granary)
        {
            Answers.TryAdd(method, 0);
        }
    }

    public static bool IsAnswered(string method) => Answers.ContainsKey(method);

    /// <summary>How many tests have called this method, or sent this field, to Granary, and how many of those to an etcd too.</summary>
    public static (int Tests, int WithEtcd) Of(string name)
    {
        var tests = Shown.Keys.Where(one => one.Name == name && one.Product == Product.Granary).Select(static one => one.Test).ToList();
        return (tests.Count, tests.Count(test => Shown.ContainsKey((name, Product.Etcd, test))));
    }

    private static void Note(Product product, string name)
    {
        if (!IsUnnoted.Value && TestContext.Current.TestMethod is { } test)
        {
            Shown.TryAdd((name, product, test.UniqueID), 0);
        }
    }
}
