from websockets.server import ServerProtocol
from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
for offer in open('list.txt').read().strip().split('\n'):
    try:
        header, _ = ServerProtocol(extensions=[ServerPerMessageDeflateFactory()]).process_extensions(Headers({'Sec-WebSocket-Extensions': offer}))
        print(header or '-')
    except Exception as e:
        print('400', type(e).__name__)
