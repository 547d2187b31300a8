using System.Xml.Linq;
using Granary.Client;
using Microsoft.AspNetCore.DataProtection.Repositories;

namespace Granary.DataProtection;

/// <summary>The elements of data protection, keys and revocations, each at a key below a prefix. Data protection asks for them synchronously, and rarely.</summary>
/// <remarks>Each method throws <see cref="GranaryException"/> where no server answers, or one refuses: data protection logs it and tries again.</remarks>
internal sealed class GranaryXmlRepository(IGranaryClient client, string prefix) : IDeletableXmlRepository
{
    public IReadOnlyCollection<XElement> GetAllElements() => [.. Read().Select(static pair => XElement.Parse(pair.Value.ToString()))];

    public void StoreElement(XElement element, string friendlyName)
    {
        ArgumentNullException.ThrowIfNull(element);

        // The name is for people, and may be missing: it is in the key as far as it is there.
        var name = string.IsNullOrEmpty(friendlyName) ? Guid.NewGuid().ToString() : friendlyName;
        var text = element.ToString(SaveOptions.DisableFormatting);
        Wait(() => client.PutAsync(prefix + name, text));
    }

    public bool DeleteElements(Action<IReadOnlyCollection<IDeletableElement>> chooseElements)
    {
        ArgumentNullException.ThrowIfNull(chooseElements);
        var elements = Read().ConvertAll(static pair => new StoredElement(pair));
        chooseElements(elements);
        foreach (var element in elements.Where(static one => one.DeletionOrder is not null).OrderBy(static one => one.DeletionOrder))
        {
            try
            {
                // Not what somebody has written since.
                Wait(() => client.Txn().If(When.ModRevision(element.Pair.Key) == element.Pair.ModRevision).Then(Op.Delete(element.Pair.Key)).CommitAsync());
            }
            catch (GranaryException)
            {
                return false;
            }
        }

        return true;
    }

    private List<KeyValue> Read() => Wait(async () =>
    {
        var pairs = new List<KeyValue>();
        await foreach (var pair in client.EnumerateAsync(KeyRange.Prefix(prefix)).ConfigureAwait(false))
        {
            pairs.Add(pair);
        }

        return pairs;
    });

    // Whatever context the caller is in: nothing in it is waited for.
    private static T Wait<T>(Func<Task<T>> call) => Task.Run(call).GetAwaiter().GetResult();

    private sealed class StoredElement(KeyValue pair) : IDeletableElement
    {
        public KeyValue Pair => pair;

        public XElement Element { get; } = XElement.Parse(pair.Value.ToString());

        public int? DeletionOrder { get; set; }
    }
}
